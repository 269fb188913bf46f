"""Masking what must never be printed."""

import re

SURELY_SECRET = 6
"""From this length on a password is masked inside of words too; a shorter one would mask ordinary words."""


def redact(text: str, secrets: tuple[str, ...]) -> str:
    """Return ``text`` with every one of ``secrets`` masked, longest first; very short ones only as whole words."""
    for secret in sorted(secrets, key=len, reverse=True):
        edge = "" if len(secret) >= SURELY_SECRET else r"\b"
        text = re.sub(edge + re.escape(secret) + edge, "***", text)
    return text
