"""migrate brings a database to the schema of the installed LiteLLM, without Node and without Prisma's engines.

It reads LiteLLM's shipped migrations as data (`scripts`), reads the ledgers (`ledger`), decides what is to be done
(`plan`, pure), and does it in one transaction a migration (`apply`, `indexes`); `commands` are what people call, and
`run` builds what they need. A failure leaves the database as it was before the migration that failed, and the ledger
tells it. Stays interchangeable with `prisma migrate deploy`. LiteLLM's code is never imported.
"""
