"""What orphaned workers and the next parent agree on: where the listening socket is offered, and in which words."""

FOLDER = "handoff"
SERVING, WAITING = b"serving", b"waiting"
"""What an orphan sends beside the socket: it serves a revision, or it is a placeholder."""
ASK_SECONDS = 5.0
