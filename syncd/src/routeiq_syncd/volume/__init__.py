"""The directory that syncd shares with a gateway, written so that a reader sees a complete tree or the old one.

`volume` knows the layout and holds the lock that keeps a second writer out; `atomic` writes files that appear whole or
not at all; `intact` compares a tree with its manifest. A full or faulty disk is a sentence and is tried again; any
other error of the system ends the process. Never here: which revision belongs on the volume.
"""
