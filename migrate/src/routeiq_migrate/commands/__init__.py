"""The commands: `up`, `wait`, `status`, `plan`, `resolve` and `baseline`.

Each reads the ledgers, has a plan made, and prints or applies it. A command that cannot go on raises an error whose
message says why and what to do; `__main__` turns it into an exit code. No SQL of a migration stands here.
"""
