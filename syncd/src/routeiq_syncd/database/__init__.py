"""The one way to PostgreSQL: questions about the lease, the revisions and the replicas of one fleet.

`questions` asks what `statements` word and answers in `rows`; `session` keeps one connection, which `connect` opens at
the place that `url` names; `seal` encrypts payloads. A fault that passes is a `faults.DatabaseAwayError` with a
sentence, and any other error ends the process. Never here: who should hold the lease, and what becomes of a revision.
"""
