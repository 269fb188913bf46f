"""What is to be done: migrations on disk and rows of the ledgers become a list of steps. Pure.

`migration` holds migrations and rows, `plan` makes the steps or refuses, `script_kinds` tells the scripts that run in
their own way, `destructive`, `created` and `needs` read what a statement takes away, makes and needs as rights, and
`grammar` is PostgreSQL's own. Everything is a value; no connection, file, clock or log enters.
"""
