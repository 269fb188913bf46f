"""The directories of `ROUTEIQ_SECRETS_DIR`, in which each file is the value of the variable that it is named after.

:mod:`.reading` reads all files at one moment, or says why they cannot be used; :mod:`.watching` notices that a file
changed, waits until the files are still, and keeps each **secret set** as long as a worker serves with it. A reason
names directories and files, and holds no value. Never in here: which set is served, which is the parent's to decide,
and a file's value on any disk, in a log or in a status.
"""
