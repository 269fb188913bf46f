"""What the status document tells."""

from datetime import UTC, datetime, timedelta

from routeiq_syncd.revision.answer import Answer, Refused
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.status.document import document
from routeiq_syncd.status.snapshot import Snapshot

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


def test_the_later_refusal_is_told() -> None:
    """Of syncd's and the gateway's refusals the status shows the newer one."""
    early, late = stamp(NOW), stamp(NOW + timedelta(seconds=1))
    for mine, theirs, by in ((early, late, "gateway"), (late, early, "syncd")):
        snapshot = Snapshot(
            holder_id="h",
            source_kind="file",
            source_location="/c",
            refused=Refused(None, None, "mine", mine),
            answer=Answer(refused=Refused(2, "d", "theirs", theirs)),
        )
        refused = document(snapshot, NOW)["refused"]
        assert isinstance(refused, dict)
        assert refused["by"] == by
