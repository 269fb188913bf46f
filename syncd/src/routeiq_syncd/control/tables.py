"""Tables for people, of the JSON objects that machines get."""

from collections.abc import Mapping, Sequence

WIDEST = 60


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
    rows = [
        [row.get(name) for name in ("replica_id", "desired", "serving", "state", "silent_seconds", "reason")]
        for row in (replicas if isinstance(replicas, list) else ())
    ]
    return "\n".join([*lines, table(("REPLICA", "VOLUME", "SERVING", "STATE", "SILENT S", "REASON"), rows)])


def history_text(history: Mapping[str, object]) -> str:
    """Write the revisions, as `fleet_history.history` returns them."""
    revisions = history.get("revisions")
    shown = ("number", "digest", "epoch", "holder_id", "created_at", "acked_at", "note")
    rows = [
        [str(row.get(name))[:12] if name == "digest" else row.get(name) for name in shown]
        for row in (revisions if isinstance(revisions, list) else ())
    ]
    return table(("NUMBER", "DIGEST", "EPOCH", "HOLDER", "CREATED", "ACKED", "NOTE"), rows)


def _cell(value: object) -> str:
    text = "-" if value is None or value == "" else " ".join(str(value).split())
    return text if len(text) <= WIDEST else text[: WIDEST - 1] + "…"
