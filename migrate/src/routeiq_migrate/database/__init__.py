"""PostgreSQL, as migrate reaches it.

`url` and `tls` read what the operator set, `session` opens sessions and waits for a server, `locks` polls for the
advisory locks that LiteLLM and Prisma use, `catalogue` asks for tables and indexes.

A server that is away is waited for, with a limit; a refusal that waiting cannot cure ends the command at once. What a
migration is, and which are pending, is unknown here.
"""
