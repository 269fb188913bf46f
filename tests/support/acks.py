"""A gateway's answer on a volume, for tests of syncd alone."""

from routeiq_gateway.volume.documents import Answer, Served, WorkerEntry, encode_answer
from tests.support.syncd import Syncd
from tests.support.waiting import wait_for

AT = "2026-11-22T22:00:00.000Z"


def ack(syncd: Syncd) -> tuple[int, str]:
    """Have the gateway say that it serves what the volume holds, and wait until the fleet knows; return it."""
    desired = wait_for("the revision on the volume", lambda: syncd.status().get("desired") or {})
    revision = (desired["number"], desired["digest"])
    workers = (WorkerEntry(1, revision[0], "ready"),)
    answer = Answer("instance", 1, "serving", Served(*revision, AT), None, workers, AT)
    (syncd.volume / "answers/gateway.json").write_bytes(encode_answer(answer))
    wait_for("the ack", lambda: (syncd.status()["database"]["acked"] or {}).get("number") == revision[0])
    return revision
