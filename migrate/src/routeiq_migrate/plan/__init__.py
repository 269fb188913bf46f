"""What is to be done: migrations on disk and rows of the ledgers become a list of steps. Pure.

`plan` makes the steps or refuses, `lexer` parts a script into statements, `destructive` and `created` read what a
statement takes away and makes. Everything is a value; no connection, file, clock or log enters.
"""
