"""The commands, a module each: `up`, `wait`, `show` (``status`` and ``plan``), `resolve` and `baseline`.

Each reads the ledgers, has a plan made, and prints or applies it. A command that cannot go on raises an error whose
message says why and what to do; `run` turns the error into an exit code. No command reads the environment.
"""
