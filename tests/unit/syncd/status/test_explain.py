"""What is said about the database, about the election and about the revision."""

from datetime import UTC, datetime

import pytest

from routeiq_syncd.revision.plan import Barred, Behind
from routeiq_syncd.status.document import document
from routeiq_syncd.status.explain import barred_text, behind_text, explain
from routeiq_syncd.status.snapshot import Failover
from tests.support.snapshots import cluster_snapshot, manifest

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("barred", "told"), [("standby", "promote this server"), ("read-only", "default_transaction_read_only")]
)
def test_a_database_that_cannot_be_written_is_named_with_its_setting(barred: Barred, told: str) -> None:
    """The sentence names the place, the setting, and what to do."""
    sentence = barred_text(barred, "PostgreSQL at db:5432", "DIRECT_URL")
    assert sentence is not None
    assert sentence.startswith("PostgreSQL at db:5432 is ")
    assert "DIRECT_URL" in sentence
    assert told in sentence
    assert barred_text("", "PostgreSQL at db:5432", "DIRECT_URL") is None
    assert "lost revisions" in behind_text(Behind(3, 4), "")
    assert "lost revisions" not in behind_text(Behind(3, 4), barred)


def test_explain_tells_of_a_failover_and_of_a_database_that_is_only_read() -> None:
    """Both from the status document, as it comes over the socket."""
    failover = Failover("2026-11-22T22:00:00.000Z", "77/1", "77/2")
    snapshot = cluster_snapshot(desired=manifest(4), server="77/2", failover=failover, barred="standby", ahead=4)
    status = document(snapshot, NOW)
    assert status["database"] == status["database"] | {  # type: ignore[operator]  # a document
        "server": "77/2",
        "failover": {"at": failover.at, "before": "77/1", "after": "77/2"},
        "barred": "standby",
        "ahead": 4,
    }
    told = explain(status)
    assert "cannot be written" in str(told["election"])
    assert "went from 77/1 to 77/2" in str(told["revision"])
