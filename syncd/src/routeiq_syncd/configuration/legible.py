"""Text for people that any reader takes: the database, a log, JSON in UTF-8, a terminal."""

import re

# Control characters, the separators that break a line of a log, and halves of surrogate pairs, which have no UTF-8.
# PostgreSQL stores no NUL.
UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def legible(text: str) -> str:
    r"""Return ``text`` with each character that a reader may not take written out, NUL as ``\x00``."""
    return UNFIT.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
