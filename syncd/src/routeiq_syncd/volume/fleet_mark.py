"""The mark `fleet.json`: which fleet a volume was last used in."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from routeiq_syncd.revision.manifest import FORMAT
from routeiq_syncd.revision.pointer import encodable
from routeiq_syncd.volume.atomic import read_present, replace_file

MARK = "fleet.json"
MARK_BYTES = 64 * 1024


@dataclass(frozen=True)
class FleetMark:
    """A fleet: the name of its lock, and the identity of the database in which the lock is."""

    lock_name: str
    database: str

    def __str__(self) -> str:
        """Name the fleet, for people."""
        return f"{self.lock_name!r} of the database {self.database}"


def read_mark(root: Path) -> FleetMark | None:
    """Return the mark of the volume at ``root``, None where there is none that can be read."""
    try:
        fields = json.loads(read_present(root / MARK, MARK_BYTES) or b"")
        return FleetMark(encodable(fields["lock_name"]), encodable(fields["database"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def write_mark(root: Path, mark: FleetMark) -> None:
    """Record that the volume at ``root`` is used in a fleet.

    Raises:
        OSError: the disk does not take it.
    """
    replace_file(root / MARK, (json.dumps({"format": FORMAT, **asdict(mark)}) + "\n").encode())
