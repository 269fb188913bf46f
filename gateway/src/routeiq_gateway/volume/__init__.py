"""The directory that the gateway shares with syncd, and the private directory in which workers find their revision.

:mod:`.volume` follows links, checks revisions and reads and writes answers in the formats of :mod:`.documents`;
:mod:`.staging` lays out what workers load. A damaged revision is a ``BadRevisionError``, a full disk an ``OSError``
that leaves the earlier answer whole. Never in here: a decision which revision is served, or a write into a revision.
"""
