"""PURE. What a revision is, and what becomes of a configuration that was fetched.

`manifest`, `payload`, `pointer` and `answer` are the formats that other processes and releases read or write; `fetched`
is what a source answers, `decide` and `plan` turn it into decisions, `outcome` tells how a turn ended; `garbage` names
the revisions that may go. Input that another process wrote and that is not right is None or a sentence, never an
exception. Never here: files, connections, and the clock.
"""
