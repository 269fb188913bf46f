"""The directory for temporary files."""

import tempfile
from pathlib import Path


def temporary_directory() -> Path:
    """Return the directory for temporary files, as TMPDIR or the system has it, be there room in it now or not."""
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:  # none can be written now
        return Path("/tmp")  # noqa: S108 - what is made there has a name that nobody guesses, or is checked for its owner
