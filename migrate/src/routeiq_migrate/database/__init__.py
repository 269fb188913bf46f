"""PostgreSQL, as migrate reaches it.

`url`, `parts` and `tls` read what the operator set, `connect` opens connections, `session` waits for a server,
`refusals` knows what a pooler refuses for good, `locks` polls for the advisory locks that LiteLLM and Prisma use,
`blockers` tells whose transaction is waited for, `catalogue` asks for tables and indexes.

A server that is away is waited for, with a limit; a refusal that waiting cannot cure ends the command at once. What a
migration is, and which are pending, is unknown here.
"""
