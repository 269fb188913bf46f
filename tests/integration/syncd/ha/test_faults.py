"""A database that restarts, goes away, or answers too late; starts without it, without S3, without both."""

import time

from tests.support.fleet import LEASE, Fleet
from tests.support.syncd import Syncd, config
from tests.support.tcp_proxy import proxying
from tests.support.waiting import wait_for

NOWHERE = "http://127.0.0.1:1"


def test_a_restarted_database_is_found_again(replicas: Fleet) -> None:
    """While it is gone everyone serves on and says how long it has been gone; afterwards changes arrive again."""
    replicas.put("one")
    for index in range(2):
        replicas.start(index)
    replicas.wait_serving("one")
    replicas.postgres.kill()
    try:
        for index in range(2):
            syncd = replicas.syncds[index]
            wait_for("the error", lambda syncd=syncd: "PostgreSQL" in str(syncd.status().get("last_error")))  # type: ignore[misc]  # mypy infers no lambda default
            assert syncd.request("GET", "/readyz")[0] == syncd.request("GET", "/livez")[0] == 200
            assert syncd.status()["database"]["seconds_since_seen"] > 0
        wait_for("nobody to believe", lambda: not replicas.leaders(), seconds=LEASE + 5)
        replicas.put("two")
        assert [replicas.serving(index) for index in range(2)] == ["one", "one"]
    finally:
        replicas.postgres.start()
    replicas.wait_serving("two")
    for index in range(2):
        replicas.syncds[index].wait_for_status("no error any more", last_error=None)
        assert replicas.processes[index].process.poll() is None, "nobody restarted"
        assert replicas.postgres.password not in replicas.syncds[index].log.read_text()


def test_a_commit_whose_answer_is_lost_is_published_once(replicas: Fleet) -> None:
    """The connection is cut after the commit and before the answer: the holder looks again, and finds it recorded."""
    with proxying(replicas.postgres.port) as proxy:
        url = replicas.postgres.url(replicas.database).replace(f":{replicas.postgres.port}/", f":{proxy.port}/")
        replicas.put("one")
        replicas.start(0, DATABASE_URL=url)  # alone: a candidate would see the cut and take over
        replicas.wait_serving("one")
        # The commit that follows the notification on one connection is the publish's.
        proxy.after, proxy.fatal = b"'published ", b"COMMIT"
        proxy.cut()
        replicas.put("two")
        assert proxy.fired.wait(20)
        assert len(replicas.revisions()) == 2, "it was committed before the connection was cut"
        replicas.start(1)
        replicas.wait_serving("two")
        wait_for("the holder to say so", lambda: "Not published." in replicas.syncds[0].log.read_text())
        replicas.put("three")
        replicas.wait_serving("three")
    digests = [digest for _, _, digest in replicas.revisions()]
    assert len(set(digests)) == len(digests), "no change was published twice"


def test_with_s3_down_a_new_replica_gets_its_revision_from_the_database(replicas: Fleet) -> None:
    """What is published needs no source any more."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    replicas.start(1, AWS_ENDPOINT_URL_S3=NOWHERE)
    replicas.wait_serving("one")
    replicas.stop(0)
    replicas.syncds[1].wait_for_status("the holder's failing fetch", fetch__outcome="failed", desired__number=1)
    assert replicas.syncds[1].request("GET", "/readyz")[0] == 200


def test_with_the_database_down_a_first_start_fetches_by_itself_and_reconciles(replicas: Fleet) -> None:
    """Nothing on the volume: straight from the source, marked; once the database is there it is published."""
    replicas.put("one")
    with proxying(replicas.postgres.port) as proxy:
        proxy.open = False
        url = replicas.postgres.url(replicas.database).replace(f":{replicas.postgres.port}/", f":{proxy.port}/")
        replicas.start(0, DATABASE_URL=url)
        replicas.syncds[0].wait_for_status("the fallback", desired__number=1, database__unpublished=True)
        assert replicas.serving(0) == "one"
        proxy.open = True
        replicas.syncds[0].wait_for_status("the published one", desired__number=2, database__unpublished=False)
        assert replicas.revisions()[0][:2] == (2, 1), "above what the volume served"
        proxy.open = False
        proxy.cut()
        replicas.kill(0)
        replicas.start(0, DATABASE_URL=url, AWS_ENDPOINT_URL_S3=NOWHERE)
        replicas.syncds[0].wait_for_status("what the volume holds, with both down", desired__number=2)
        assert replicas.syncds[0].request("GET", "/readyz")[0] == 200
        replicas.start(1, DATABASE_URL=url, AWS_ENDPOINT_URL_S3=NOWHERE)
        syncd = replicas.syncds[1]
        syncd.wait_for_status("the failed fallback", fetch__outcome="failed", desired=None)
        code, answer = syncd.request("GET", "/readyz")
        assert code == 503
        assert "No revision is on the volume" in answer["reason"]
        assert syncd.request("GET", "/livez")[0] == 200


def test_a_database_that_lost_revisions_sends_nobody_back(replicas: Fleet) -> None:
    """The database is behind: nobody goes to a lower number, and what is served is published again above it."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    for name in ("two", "three"):
        replicas.put(name)
        replicas.wait_serving(name)
    replicas.sql("DELETE FROM routeiq.revision WHERE number >= 2; DELETE FROM routeiq.replica")
    syncd = replicas.syncds[0]
    syncd.wait_for_status("the recovery", last_error=None, desired__number=4)
    assert "database lost revisions" in syncd.log.read_text()
    assert replicas.serving(0) == "three"
    replicas.start(1)
    replicas.put("four")
    replicas.wait_serving("four")
    assert [number for number, _, _ in replicas.revisions()] == [1, 4, 5]


def test_lock_names_are_fleets_of_their_own(replicas: Fleet) -> None:
    """Two names in one database: each has its holder, its epochs, its numbers and its configuration."""
    other = replicas.s3.bucket(f"{replicas.bucket}-other")
    replicas.put("ours")
    replicas.s3.put(other, config("theirs"))
    replicas.start(0)
    replicas.start(1, S3_BUCKET_NAME=other, LLMROUTER_CONFIG_SYNC_LOCK_NAME="it's another; drop")
    replicas.wait_serving("ours", 0)
    replicas.wait_serving("theirs", 1)
    assert sorted(replicas.leaders()) == [0, 1]
    assert [row[:2] for row in replicas.revisions()] == [(1, 1), (1, 1)]


def test_single_mode_loads_no_database_client(syncd: Syncd) -> None:
    """The memory of asyncpg is paid where it is used."""
    syncd.write(config())
    with syncd.run() as process:
        syncd.wait_for_status("the first revision", desired__number=1)
        with open(f"/proc/{process.pid}/maps") as maps:  # noqa: PTH123 - a path of the kernel
            assert "asyncpg" not in maps.read()


def test_a_source_that_fails_says_so_and_the_others_serve_on(replicas: Fleet) -> None:
    """A refused configuration replaces nothing anywhere; the reason is in the status, the log and the database."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    replicas.s3.put(replicas.bucket, "model_list: [")
    status = replicas.syncds[0].wait_for_status("the refusal", refused__by="syncd")
    assert "the YAML is broken" in status["refused"]["reason"]
    query = "SELECT reason FROM routeiq.replica WHERE reason LIKE '%the YAML is broken%'"
    wait_for("the reason in the database", lambda: replicas.sql(query))
    assert "the YAML is broken" in replicas.syncds[0].log.read_text()
    assert (replicas.serving(0), len(replicas.revisions())) == ("one", 1)
    began = time.monotonic()
    replicas.put("two")
    replicas.wait_serving("two")
    assert time.monotonic() - began < 10
