# The statements of these tests are put together from names of their own.
# ruff: noqa: S608
"""Rollback, pin and unpin in a fleet: asked of any replica, done by the holder, and held by every later holder."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.faults import digest_of
from tests.support.fleet import LEASE, PADDING, Fleet
from tests.support.history import Commanded, Pinned, Put, Recorded, wrong
from tests.support.history_recorder import HistoryRecorder
from tests.support.migrate import migrate
from tests.support.s3 import Server
from tests.support.syncd import config
from tests.support.waiting import wait_for

NOTE = ("--note", "why", "--by", "alice")


@pytest.fixture
def two(replicas: Fleet) -> Fleet:
    """Two replicas that serve `two`, after `one`; replica 0 is the holder."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    assert replicas.holder() == 0
    replicas.start(1)
    replicas.put("two")
    replicas.wait_serving("two")
    return replicas


def ask(fleet: Fleet, index: int, action: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    """Ask over the control socket of one replica."""
    return fleet.syncds[index].command("POST", f"/{action}", {"by": "alice", **fields})


def polled(fleet: Fleet) -> None:
    """Have the holder look at the source once more."""
    assert fleet.syncds[fleet.holder()].command("POST", "/poll")[0] == 200


def test_any_replica_can_be_asked_to_roll_back(two: Fleet) -> None:
    """Asked of a candidate, done by the holder, within a second; the history says who, why and what it passes over."""
    began = time.monotonic()
    code, answer = ask(two, 1, "rollback", number=1, note="two is broken")
    took = time.monotonic() - began
    assert (code, answer["number"]) == (200, 3), answer
    two.wait_serving("one")
    print(f"asked of a candidate and answered: {took:.3f} s")  # noqa: T201 - measured
    polled(two)
    assert [two.serving(index) for index in (0, 1)] == ["one", "one"]
    for syncd in two.syncds:
        newest, before, _ = json.loads(syncd.call("history").stdout)["revisions"]
        names = ("number", "action", "restores", "asked_by", "note", "passes_over")
        assert [newest[name] for name in names] == [3, "rollback", 1, "alice", "two is broken", before["digest"]]
        assert "A rollback passes over" in syncd.call("explain").stdout
    same = ask(two, 1, "rollback", number=1, note="again")
    assert (same[0], "already; nothing was changed" in same[1]["message"]) == (200, True)
    assert ask(two, 0, "rollback", number=9, note="no such")[0] == 404
    two.put("three")
    two.wait_serving("three")
    assert len(two.revisions()) == 4


def test_a_rollback_outlives_its_holder(two: Fleet) -> None:
    """The next holder passes over what the source holds too; the source brought to the old content lifts it."""
    assert two.syncds[1].call("rollback", "1", *NOTE).returncode == 0
    two.wait_serving("one")
    two.kill(0)
    wait_for("the next holder", lambda: two.leaders() == [1])
    two.syncds[1].wait_for_status("it waits", fetch__outcome="waiting")
    assert two.serving(1) == "one"
    two.put("one")
    two.syncds[1].wait_for_status("nothing is passed over", passed_over=None)
    two.put("two")
    two.wait_serving("two")
    assert [number for number, _, _ in two.revisions()] == [1, 2, 3, 4]


def test_a_pin_holds_over_take_overs_and_shows_what_waits(two: Fleet) -> None:
    """Every replica tells the pin and the waiting change; a rollback is refused; `unpin` takes what waits."""
    code, answer = ask(two, 1, "pin", number=1, note="freeze")
    assert (code, answer["number"]) == (200, 3)
    two.wait_serving("one")
    two.put("three")
    wait_for("the change waits", lambda: two.status(1).get("waiting"))
    two.stop(0)
    wait_for("the next holder", lambda: two.leaders() == [1])
    two.start(0)
    two.syncds[1].wait_for_status("it waits still", fetch__outcome="waiting", pin__number=3)
    two.wait_serving("one")
    for syncd in two.syncds:
        syncd.wait_for_status("the pin and what waits are told", pin__number=3, waiting__why="pinned")
        fleet = json.loads(syncd.call("fleet").stdout)
        assert (fleet["pin"]["by"], fleet["pin"]["note"], fleet["waiting"]["why"]) == ("alice", "freeze", "pinned")
        assert "Revision 3 is pinned since" in syncd.call("explain").stdout
        assert "pinned: revision 3, by alice" in syncd.on_terminal("fleet")
    code, answer = ask(two, 0, "rollback", number=2, note="no")
    assert (code, "Unpin it first" in answer["error"]) == (409, True)
    assert ask(two, 0, "pin", number=2)[1]["number"] == 4
    two.wait_serving("two")
    assert ask(two, 0, "unpin")[0] == 200
    two.wait_serving("three")
    assert json.loads(two.syncds[0].call("history").stdout)["pin"] is None


def test_what_no_holder_takes_up_is_withdrawn(two: Fleet) -> None:
    """A holder that sleeps, or is of a release without requests: told in time, and never done afterwards."""
    two.kill(0)
    two.sql(
        "UPDATE routeiq.lease SET holder_id = 'older', epoch = epoch + 1, "
        "expires_at = clock_timestamp() + interval '1 hour'"
    )
    wait_for("the candidate sees it", lambda: two.status(1)["leader_election"]["holder_id"] == "older")
    code, answer = ask(two, 1, "rollback", number=1, note="nobody does it")
    assert (code, "older did not take the request up" in answer["error"]) == (503, True), answer
    assert "Nothing was changed" in answer["error"]
    two.sql("UPDATE routeiq.lease SET expires_at = clock_timestamp()")
    assert two.holder() == 1
    code, answer = ask(two, 1, "pin", note="the next request is done")
    assert code == 200, answer
    assert two.serving(1) == "two"
    assert len(two.revisions()) == 2
    asked = json.loads(two.syncds[1].call("history").stdout)["requests"]
    assert [(row["action"], row["answer"]["code"]) for row in asked] == [("pin", 200), ("rollback", 503)]


def test_what_cannot_be_had_is_not_gone_back_to(replicas: Fleet, s3: Server) -> None:
    """A revision by pointer is gone back to while its version exists; once that is gone, a sentence says so."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    s3.put(replicas.bucket, config("large") + PADDING)
    replicas.wait_serving("large")
    replicas.put("three")
    replicas.wait_serving("three")
    replicas.sql("UPDATE routeiq.revision SET payload = '\\x00' WHERE number = 1")
    for tree in (replicas.syncds[0].volume / "revisions").glob("00000[12]-*"):
        for file in tree.iterdir():
            file.unlink()
        tree.rmdir()
    code, answer = ask(replicas, 0, "rollback", number=1, note="damaged")
    assert (code, "cannot be gone back to" in answer["error"]) == (409, True), answer
    code, answer = ask(replicas, 0, "rollback", number=2, note="its version was overwritten")
    assert (code, "cannot be gone back to" in answer["error"]) == (409, True), answer
    assert replicas.serving(0) == "three"
    assert len(replicas.revisions()) == 3


def test_a_pointer_is_gone_back_to(replicas: Fleet, s3: Server) -> None:
    """Where the bucket keeps versions, a large revision comes back on every replica, new ones among them."""
    s3.client.put_bucket_versioning(Bucket=replicas.bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put(replicas.bucket, config("large") + PADDING)
    replicas.start(0)
    replicas.wait_serving("large")
    replicas.put("two")
    replicas.wait_serving("two")
    assert ask(replicas, 0, "rollback", number=1, note="back")[0] == 200
    replicas.start(1)
    replicas.wait_serving("large")


def test_a_holder_of_an_older_release_is_held_back_too(two: Fleet) -> None:
    """Its publish, which knows neither pins nor rollbacks, is not recorded: the database itself holds it back."""
    assert ask(two, 1, "rollback", number=1, note="why")[0] == 200
    digest = two.revisions()[1][2]
    older = (
        "INSERT INTO routeiq.revision (lock_name, number, digest, manifest, epoch, holder_id) "
        "SELECT lock_name, 90 + number, digest, manifest, epoch, holder_id FROM routeiq.revision "
        "WHERE digest = '{}' LIMIT 1 RETURNING number"
    )
    assert two.sql(older.format(digest)) == []
    two.put("three")
    two.wait_serving("three")
    assert ask(two, 1, "pin", note="freeze")[0] == 200
    assert two.sql(older.format(digest)) == []
    assert two.sql(older.format(two.revisions()[-1][2])) == ["94"]


def test_a_replica_that_is_ahead_gets_what_is_pinned(two: Fleet) -> None:
    """A restored database: the pinned content, and not the source's, is published above what a replica has had."""
    assert ask(two, 1, "pin", number=1, note="freeze")[0] == 200
    two.wait_serving("one")
    two.sql("UPDATE routeiq.replica SET desired = 40, state = 'ahead' WHERE desired = 3")
    two.sql(
        "INSERT INTO routeiq.replica (lock_name, replica_id, desired, state) VALUES ('config_sync', 'far', 40, 'ahead')"
    )
    wait_for("it is published above", lambda: two.revisions()[-1][0] > 40, seconds=60)
    assert two.revisions()[-1][2] == two.revisions()[0][2]
    wait_for(
        "both have it", lambda: [two.syncds[index].current()[0] for index in (0, 1)] == [two.revisions()[-1][0]] * 2
    )
    assert two.serving(0) == "one"


def test_an_upgrade_needs_no_further_grant(replicas: Fleet) -> None:
    """Whoever could write revisions before the migration may ask and answer after it."""
    user = f"{replicas.database}_grantee"
    replicas.sql("DROP SCHEMA routeiq CASCADE")
    url = replicas.postgres.url(replicas.database)
    assert migrate("up", url=url).returncode == 0
    replicas.sql(
        "DROP TABLE routeiq.request; DROP TRIGGER held_back ON routeiq.revision; DROP FUNCTION routeiq.held_back; "
        "ALTER TABLE routeiq.revision DROP COLUMN action, DROP COLUMN restores, DROP COLUMN asked_by, "
        "DROP COLUMN passes_over; ALTER TABLE routeiq.lease DROP COLUMN pin, DROP COLUMN waiting; "
        "DELETE FROM routeiq.migration WHERE name = '0004_history'; "
        f"CREATE ROLE {user} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA routeiq TO {user}; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON routeiq.lease, routeiq.revision, routeiq.replica TO {user}; "
        f"GRANT SELECT ON routeiq.migration TO {user}"
    )
    assert migrate("up", url=url).returncode == 0
    replicas.put("one")
    syncd = replicas.start(0, DATABASE_URL=replicas.postgres.url(replicas.database, user=user, password="x"))
    replicas.wait_serving("one")
    assert ask(replicas, 0, "pin", note="freeze")[0] == 200
    assert json.loads(syncd.call("history").stdout)["requests"][0]["action"] == "pin"
    replicas.stop(0)
    replicas.sql(f"DROP OWNED BY {user}; DROP ROLE {user}")


ROUNDS = 6


@pytest.fixture
def recorder(two: Fleet) -> Iterator[HistoryRecorder]:
    """What happens to the two, and to a third."""
    two.start(2)
    two.wait_serving("two")
    with HistoryRecorder(two, 3) as watching:
        yield watching


@pytest.mark.timeout(300)
def test_going_back_races_with_changes_and_take_overs(two: Fleet, recorder: HistoryRecorder) -> None:
    """Rollbacks, pins, changes and killed holders at once: no invariant is broken, and every answer was true."""
    for digest in {row[2] for row in two.revisions()}:
        recorder.note(Put(digest))

    def request(index: int, action: str, number: int | None) -> None:
        fields = {"note": "race"} | ({} if number is None else {"number": number})
        try:
            code, answer = ask(two, index, action, **fields)
        except OSError:
            return  # the one that was asked was killed: the history tells what was done
        recorder.note(
            Commanded(action, code, answer.get("number") or 0 if "Revision" in answer.get("message", "") else 0)
        )

    def put(name: str) -> None:
        recorder.note(Put(digest_of(config(name))))
        two.put(name)

    with ThreadPoolExecutor(4) as hands:
        for turn in range(ROUNDS):
            holder = two.holder()
            recorder.mute(holder)
            others = [index for index in range(3) if index != holder]
            newest = len(two.revisions())
            asked = [
                hands.submit(request, others[0], "rollback", 1 + turn % newest),
                hands.submit(put, f"race-{turn}"),
                hands.submit(request, others[1], "pin" if turn % 3 == 1 else "unpin", None),
            ]
            if turn % 2:
                two.kill(holder)
            for future in asked:
                future.result()
            polled(two)  # whoever holds the lease now has seen the source since
            if turn % 2:
                two.start(holder)
            recorder.listen(holder)
    assert ask(two, two.holder(), "unpin")[0] == 200
    put("last")
    two.wait_serving("last", seconds=3 * LEASE + 30)
    recorder.read_database()
    assert wrong(recorder.events) == []
    kinds = [event for event in recorder.events if isinstance(event, Recorded)]
    done = [event for event in recorder.events if isinstance(event, Commanded) and event.code == 200]
    print(f"{len(kinds)} revisions, {len(done)} requests done")  # noqa: T201 - measured
    assert {"publish", "rollback"} <= {event.action for event in kinds}
    assert any(isinstance(event, Pinned) for event in recorder.events)
