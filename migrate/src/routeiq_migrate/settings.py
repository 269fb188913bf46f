"""The settings, read once from the environment.

A plain dataclass instead of pydantic-settings: that library alone costs 24 MB and 0.2 s, more than the rest
of a run that finds nothing to do, and this command runs before every start of a gateway.
"""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """What the environment says."""

    database_url: str | None


def read() -> Settings:
    """Read the environment."""
    return Settings(database_url=os.environ.get("DATABASE_URL") or None)
