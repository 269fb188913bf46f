"""Tables for people, of the JSON objects that machines get."""

from collections.abc import Mapping, Sequence

WIDEST = 60
HEADINGS = ("NUMBER", "DIGEST", "ACTION", "OF", "EPOCH", "HOLDER", "CREATED", "ACKED", "ASKED BY", "NOTE")
SHOWN = (
    *("number", "digest", "action", "restores", "epoch", "holder_id"),
    *("created_at", "acked_at", "asked_by", "note"),
)
"""The columns of the history, and the fields that they show."""


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Lay rows under headings, columns aligned; None is ``-``, and a cell has at most `WIDEST` letters."""
    texts = [tuple(headings), *(tuple(_cell(value) for value in row) for row in rows)]
    widths = [max(len(row[column]) for row in texts) for column in range(len(headings))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in texts)
    return "\n".join(line.rstrip() for line in lines)


def fleet_text(fleet: Mapping[str, object]) -> str:
    """Write the fleet, as `fleet_history.fleet` returns it: the lease, the desired revision, a row for each replica."""
    lease, desired, replicas = fleet.get("lease"), fleet.get("desired"), fleet.get("replicas")
    lines = [f"lock {fleet.get('lock_name')}"]
    if isinstance(lease, dict):
        lines.append(f"holder {lease['holder_id']}, epoch {lease['epoch']}, expires {lease['expires_at']}")
    if isinstance(desired, dict):
        lines.append(f"desired revision {desired['number']} ({str(desired['digest'])[:12]})")
    lines += _standing_lines(fleet)
    rows = [
        [row.get(name) for name in ("replica_id", "desired", "serving", "state", "silent_seconds", "reason")]
        for row in (replicas if isinstance(replicas, list) else ())
    ]
    return "\n".join([*lines, table(("REPLICA", "VOLUME", "SERVING", "STATE", "SILENT S", "REASON"), rows)])


def history_text(history: Mapping[str, object]) -> str:
    """Write the revisions, as `fleet_history.history` returns them."""
    revisions = history.get("revisions")
    rows = [
        [str(row.get(name))[:12] if name == "digest" else row.get(name) for name in SHOWN]
        for row in (revisions if isinstance(revisions, list) else ())
    ]
    lines = [table(HEADINGS, rows)]
    return "\n".join([*lines, *_standing_lines(history)])


def revision_text(answer: Mapping[str, object]) -> str:
    """Write one revision, as `recall.show` returns it."""
    revision = answer.get("revision")
    told = revision if isinstance(revision, dict) else {}
    lines = [f"{name}: {_plain(value)}" for name, value in told.items() if value not in (None, "")]
    return "\n".join([*lines, "", str(answer.get("text"))])


def difference_text(answer: Mapping[str, object]) -> str:
    """Write what differs between two revisions, as `recall.diff` returns it."""
    return "The two revisions have the same content." if answer.get("same") else str(answer.get("text"))


def _standing_lines(answer: Mapping[str, object]) -> list[str]:
    """Write the pin and what waits, a line each; none for none."""
    pin, waiting, lines = answer.get("pin"), answer.get("waiting"), []
    if isinstance(pin, dict):
        note = f": {pin['note']}" if pin.get("note") else ""
        lines.append(f"pinned: revision {pin.get('number')}, by {pin.get('by')}, since {pin.get('at')}{note}")
    if isinstance(waiting, dict):
        digest, why = str(waiting.get("digest"))[:12], str(waiting.get("why"))
        lines.append(f"waiting: {digest} of the source, {why}, since {waiting.get('since')}")
    return lines


def _plain(value: object) -> str:
    return " ".join(f"{name}={part}" for name, part in value.items() if part) if isinstance(value, dict) else str(value)


def _cell(value: object) -> str:
    text = "-" if value is None or value == "" else " ".join(str(value).split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
