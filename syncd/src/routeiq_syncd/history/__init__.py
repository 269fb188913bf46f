"""PURE. Going back: what an operator asks for, what a pin or a rollback holds back, and how revisions are shown.

`standing` is what holds the source back, `requests` decides what becomes of a request, `entries` are the documents of
the directory ``history/`` of a volume, `showing` writes revisions and their differences without secrets. Never here:
the volume, the database and clocks; ``reconcile`` and ``replication`` carry out what is decided.
"""
