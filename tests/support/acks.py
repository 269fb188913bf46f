"""A gateway's answer on a volume, for tests of syncd alone."""

from routeiq_gateway.volume.documents import Answer, Refused, Served, WorkerEntry, encode_answer
from tests.support.syncd import Syncd
from tests.support.waiting import wait_for

AT = "2026-11-22T22:00:00.000Z"


def answer(syncd: Syncd, *, serving: tuple[int, str] | None, refused: tuple[int, str] | None = None) -> None:
    """Write what a gateway would answer that serves and refuses these revisions, numbers and digests."""
    workers = (WorkerEntry(1, serving[0] if serving else None, "ready"),)
    served = Served(*serving, AT) if serving else None
    nack = Refused(*refused, "a bad model", AT) if refused else None
    written = Answer("instance", 1, "serving" if serving else "starting", served, nack, workers, AT)
    (syncd.volume / "answers/gateway.json").write_bytes(encode_answer(written))


def ack(syncd: Syncd) -> tuple[int, str]:
    """Have the gateway say that it serves what the volume holds, and wait until the fleet knows; return it."""
    desired = wait_for("the revision on the volume", lambda: syncd.status().get("desired") or {})
    revision = (desired["number"], desired["digest"])
    answer(syncd, serving=revision)
    wait_for("the ack", lambda: (syncd.status()["database"]["acked"] or {}).get("number") == revision[0])
    return revision
