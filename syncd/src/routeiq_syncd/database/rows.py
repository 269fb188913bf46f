"""The rows of the schema ``routeiq`` as values, and whether an answer has the columns that were asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Any, TypeAlias

import asyncpg

from routeiq_syncd.errors import UnreachableError
from routeiq_syncd.history.standing import FREE, Standing
from routeiq_syncd.lease import Lease
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.plan import Barred, Head
from routeiq_syncd.revision.pointer import Pointer

Columns: TypeAlias = Mapping[str, type | tuple[type, ...]]
"""The types of each column's values; ``NoneType`` is one of them where it may be NULL."""

NUMERAL, TEXT, INSTANT = (int, NoneType), (str, NoneType), (datetime, NoneType)
GREETED: Columns = {"server": int, "version": str}
GRANT: Columns = {"epoch": int, "expires_at": datetime}
LOOK: Columns = {
    "holder_id": TEXT,
    "epoch": NUMERAL,
    "expires_at": INSTANT,
    "remaining": (float, NoneType),
    "guarded": bool,
    "granted_by": TEXT,
    "server": TEXT,
    "number": NUMERAL,
    "digest": TEXT,
    "acked": NUMERAL,
    "acked_digest": TEXT,
    "identity": TEXT,
    "barred": str,
    "pin": TEXT,
    "passes_over": TEXT,
    "waiting": TEXT,
}
LOOKED: Mapping[str, Columns] = {
    "holder_id": {"epoch": int, "expires_at": datetime, "remaining": float},
    "number": {"digest": str},
    "acked": {"acked_digest": str},
}
"""What is not NULL where the column named first is not: a lease, the desired revision, the one that was acked."""
STANDING: Columns = {
    "pin": TEXT,
    "waiting": TEXT,
    "number": NUMERAL,
    "digest": TEXT,
    "passes_over": TEXT,
    "from_source": TEXT,
}
OPEN: Columns = {"id": int, "action": str, "number": NUMERAL, "note": str, "asked_by": str}
NUMBER: Columns = {"number": int, "at": datetime, "replicas": int}
REVISION: Columns = {"manifest": str, "payload": (bytes, NoneType), "source": str}
KEPT: Columns = {"number": int, "digest": str}
ACKED: Columns = {"number": int, "digest": str}
POINTED: Columns = {"source": str}
BEFORE: Columns = {"process": TEXT, "pod": TEXT}
LIVING: Columns = {"count": int}
TIDY: Columns = {"stuck": bool, "ahead": int}
FLEET: Columns = {
    "replica_id": str,
    "pod": str,
    "versions": str,
    "desired": NUMERAL,
    "serving": NUMERAL,
    "state": str,
    "refused": TEXT,
    "reason": str,
    "started_at": datetime,
    "heartbeat_at": datetime,
    "silent_seconds": float,
}
HISTORY: Columns = {
    "number": int,
    "digest": str,
    "epoch": int,
    "holder_id": str,
    "source": str,
    "note": str,
    "created_at": datetime,
    "acked_at": INSTANT,
    "action": str,
    "restores": NUMERAL,
    "asked_by": str,
    "passes_over": TEXT,
}
REQUEST: Columns = {**OPEN, "asked_at": datetime, "answered_at": INSTANT, "answer": TEXT}


@dataclass(frozen=True)
class Sight:
    """What one look at the database shows.

    Attributes:
        lease: the lease; None where nobody has ever taken it.
        head: the desired revision, None where none is published.
        server: the history that the database goes on with; empty on a standby, and where the server does not tell.
        barred: why the database cannot be written, empty where it can.
        acked: the newest revision that a gateway of the fleet has acked, None for none.
        standing: what an operator said about what may be published, and what waits.
        identity: which database this is, over dumps, restores and failovers; empty where it has lost its identity.
    """

    lease: Lease | None
    head: Head | None
    server: str = ""
    barred: Barred = ""
    acked: Head | None = None
    identity: str = ""
    standing: Standing = FREE


@dataclass(frozen=True)
class Overtaken:
    """Nothing was recorded: a pin or a rollback that was recorded meanwhile holds the content back."""


@dataclass(frozen=True)
class Stored:
    """A revision as the database holds it.

    Attributes:
        manifest: its manifest.
        written: the manifest as it was written, with fields that this release does not know.
        content: the payload, opened, or the pointer to the content.
    """

    manifest: Manifest
    written: bytes
    content: bytes | Pointer


@dataclass(frozen=True)
class FleetNeeds:
    """What the replicas' rows ask of the holder.

    Attributes:
        ahead: the number of the replica that is furthest ahead of the database, 0 where no replica is ahead.
        stuck: whether a replica cannot have the desired revision.
    """

    ahead: int
    stuck: bool


@dataclass(frozen=True)
class ReplicaRow:
    """What one replica writes about itself.

    Attributes:
        pod: the name of its machine.
        versions: the releases of its processes, a JSON object.
        desired: the number of the revision that it wants, None for none.
        serving: the number of the revision that its gateway serves, None for none.
        state: its state in one word.
        refused: the digest that it refused, None for none.
        reason: why it refused the digest or is stuck, empty where it is well.
        process: the process that writes it; no two share one.
    """

    pod: str
    versions: str
    desired: int | None
    serving: int | None
    state: str
    refused: str | None
    reason: str
    process: str = ""


def checked(row: asyncpg.Record | Mapping[str, Any] | None, columns: Columns) -> dict[str, Any]:
    """Return the values of a row by column, as they were asked for: nobody knows what answers as PostgreSQL.

    Args:
        row: the row, None where there is none.
        columns: what was asked for.

    Raises:
        UnreachableError: the row, a column or a value of its type is missing; completes "it cannot be used: ".
    """
    if row is None:
        raise UnreachableError("its answer has no row, where there is always one")
    found: dict[str, Any] = {}
    for name, kinds in columns.items():
        value = found[name] = row.get(name, row)
        # Python's truth values are whole numbers to isinstance.
        if type(value) not in (kinds if isinstance(kinds, tuple) else (kinds,)):
            raise UnreachableError(f"its answer has no column {name}, or one of another type than was asked for")
    return found
