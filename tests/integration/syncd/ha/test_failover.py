"""Another PostgreSQL answers than before: a promoted standby that lost commits, and servers that only read."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from routeiq_syncd.lease import EPOCH_GAP
from tests.support.fleet import LEASE, Fleet, fleet
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.s3 import Server
from tests.support.standby import cut_off, promote, running_standby, wait_until_replayed
from tests.support.tcp_proxy import Proxy, proxying
from tests.support.waiting import wait_for

EVERYONE = range(3)


@dataclass
class Pair:
    """A primary, its standby, and a fleet that reaches the primary through a proxy."""

    primary: PostgresServer
    standby: PostgresServer
    proxy: Proxy
    replicas: Fleet

    def switch(self, server: PostgresServer) -> None:
        """Let the URL lead to another server."""
        self.proxy.target = server.port
        self.replicas.postgres = server
        self.proxy.cut()


@pytest.fixture
def pair(tmp_path: Path, s3: Server, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Two real servers, one following the other."""
    with contextlib.ExitStack() as stack:
        primary = stack.enter_context(running_postgres(settings={"max_connections": "60"}))
        proxy = stack.enter_context(proxying(primary.port))
        name = "pair" + str(abs(hash(request.node.name)) % 10**9)
        replicas = stack.enter_context(fleet(tmp_path, primary, s3, name))
        replicas.settings["DATABASE_URL"] = primary.url(name).replace(f":{primary.port}/", f":{proxy.port}/")
        standby = stack.enter_context(running_standby(primary))
        yield Pair(primary, standby, proxy, replicas)
        replicas.stack.close()
        if primary.process is None or primary.process.poll() is not None:
            primary.start()  # to clean up


def served(replicas: Fleet, index: int) -> list[int]:
    """The numbers that a replica has served, in order."""
    return [event["number"] for event in replicas.log(index) if event["event"] == "revision materialised"]


def identity(replicas: Fleet) -> str:
    """System identifier and first timeline."""
    return replicas.sql("SELECT system_identifier || '/1' FROM pg_control_system()")[0]


def epochs(replicas: Fleet) -> list[int]:
    """Every epoch that any replica was granted, lowest first."""
    granted = [event for index in EVERYONE for event in replicas.log(index) if event["event"] == "lease acquired"]
    return sorted(event["epoch"] for event in granted)


@pytest.mark.parametrize("killed", [False, True], ids=["holder lives", "holder dies too"])
def test_a_promoted_standby_that_lost_commits_sends_nobody_back(pair: Pair, *, killed: bool) -> None:
    """Lost revisions, a lost acquisition: no number falls, no epoch returns, and what is served is published above."""
    replicas = pair.replicas
    replicas.put("kept")
    for index in EVERYONE:
        replicas.start(index)
    replicas.wait_serving("kept")
    wait_until_replayed(pair.primary, pair.standby)
    cut_off(pair.standby)
    # All of this is lost: two revisions, and one or two acquisitions.
    for turn in range(2):
        replicas.put(f"lost-{turn}")
        replicas.wait_serving(f"lost-{turn}")
        stopped = replicas.holder()
        replicas.stop(stopped)
        replicas.start(stopped)
        replicas.syncds[stopped].wait_for_status("its first look", database__server=identity(replicas))
    replicas.holder()
    (lost,) = (int(row) for row in replicas.sql("SELECT epoch FROM routeiq.lease"))
    if killed:
        replicas.kill(replicas.holder())
    pair.primary.kill()
    promote(pair.standby)
    pair.switch(pair.standby)
    assert [row[:2] for row in replicas.revisions()] == [(1, 1)]
    wait_for("the recovery", lambda: len(replicas.revisions()) == 2, seconds=60)
    assert replicas.revisions()[1][0] == 4, "above what was served"
    for index in replicas.processes:
        status = replicas.syncds[index].wait_for_status("the recovery", desired__number=4, last_error=None)
        before, after = (status["database"]["failover"][name].split("/") for name in ("before", "after"))
        assert (before[0], before[1], after[1]) == (after[0], "1", "2"), "the same system, another timeline"
        assert replicas.serving(index) == "lost-1"
        told = replicas.syncds[index].call("explain", "--json").stdout
        assert "The database failed over" in told
        assert [event["event"] for event in replicas.log(index)].count("database failed over") == 1
    replicas.put("next")
    replicas.wait_serving("next")
    assert [number for number, _, _ in replicas.revisions()] == [1, 4, 5]
    for index in EVERYONE:
        assert served(replicas, index) == sorted(set(served(replicas, index))), "nobody went back"
    assert epochs(replicas) == sorted(set(epochs(replicas))), "no epoch twice"
    newest = replicas.revisions()[-1][1]
    assert newest > max(lost, EPOCH_GAP)


def test_the_same_number_with_other_content_is_published_above(pair: Pair) -> None:
    """The promoted standby's holder used a number that a replica had from the lost commits: that one asks for more."""
    replicas = pair.replicas
    replicas.put("kept")
    replicas.start(0)
    replicas.wait_serving("kept")
    wait_until_replayed(pair.primary, pair.standby)
    cut_off(pair.standby)
    replicas.put("lost")
    replicas.wait_serving("lost")
    wait_for("the log's word of it", lambda: served(replicas, 0) == [1, 2])
    replicas.kill(0)
    pair.primary.kill()
    promote(pair.standby)
    pair.switch(pair.standby)
    replicas.put("other")
    replicas.start(1)  # an empty volume: it knows of no number but the database's
    replicas.wait_serving("other", 1, seconds=LEASE + 30)
    assert [row[0] for row in replicas.revisions()] == [1, 2]
    replicas.start(0)
    replicas.wait_serving("other", 0, seconds=60)
    assert [row[0] for row in replicas.revisions()] == [1, 2, 3]
    assert served(replicas, 0) == [1, 2, 3]


def test_a_standby_behind_the_url_is_read_and_told(pair: Pair) -> None:
    """It says which setting is wrong, follows what the standby replays, claims nothing, and recovers by promotion."""
    replicas = pair.replicas
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    wait_until_replayed(pair.primary, pair.standby)
    pair.switch(pair.standby)
    status = replicas.syncds[0].wait_for_status("the standby", database__barred="standby")
    told = str(status["last_error"]["message"])
    assert "is a standby" in told
    assert "Let DATABASE_URL name the primary, or promote this server" in told
    replicas.start(1)  # a first start with nothing but the standby
    replicas.wait_serving("one", 1)
    replicas.start(2, DATABASE_URL=pair.primary.url(replicas.database))  # the only one with the right URL
    wait_for("the holder", lambda: replicas.leaders() == [2], seconds=LEASE + 10)
    for name in ("two", "three"):
        replicas.put(name)
        replicas.wait_serving(name)
    for index in (0, 1):
        assert replicas.status(index)["database"]["delivery"] == "poll"
        explained = json.loads(replicas.syncds[index].call("explain", "--json").stdout)
        assert any("cannot be written" in sentence for sentence in explained["election"])
        events = [(event["event"], event.get("topic")) for event in replicas.log(index)]
        assert events.count(("trouble", "database")) <= 2, "a state that lasts is told once"
        assert ("recovered", "database") not in events[events.index(("trouble", "database")) :]
    assert "lease acquired" not in replicas.syncds[1].log.read_text(), "nobody leads through a standby"
    replicas.kill(2)
    pair.primary.kill()
    promote(pair.standby)
    replicas.put("four")
    replicas.wait_serving("four", seconds=60)
    for index in (0, 1):
        replicas.syncds[index].wait_for_status("the recovery", last_error=None, database__barred=None)
        replicas.syncds[index].wait_for_status("news by notification", database__delivery="listen")
        assert served(replicas, index) == sorted(set(served(replicas, index)))


def test_a_server_set_to_read_only_is_told_and_borne(replicas: Fleet) -> None:
    """``default_transaction_read_only=on`` takes the lease from the holder, and nobody claims it until it is off."""
    replicas.put("one")
    for index in range(2):
        replicas.start(index)
    replicas.wait_serving("one")
    database = replicas.database
    replicas.sql(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    cut = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    replicas.sql(cut)
    for index in range(2):
        status = replicas.syncds[index].wait_for_status("the setting", database__barred="read-only")
        assert "default_transaction_read_only is on" in status["last_error"]["message"]
    wait_for("nobody to believe", lambda: not replicas.leaders(), seconds=LEASE + 5)
    replicas.put("two")
    replicas.start(2)
    replicas.wait_serving("one", 2)
    assert [replicas.serving(index) for index in EVERYONE] == ["one"] * 3
    assert replicas.leaders() == []
    reset = f'ALTER DATABASE "{database}" RESET default_transaction_read_only'
    replicas.sql(f"SET default_transaction_read_only = off; {reset}")
    replicas.sql("SET default_transaction_read_only = off; " + cut)
    replicas.wait_serving("two")
    for index in EVERYONE:
        replicas.syncds[index].wait_for_status("the recovery", last_error=None, database__barred=None)
        assert replicas.processes[index].process.poll() is None


def test_a_server_that_does_not_tell_who_it_is_costs_only_the_notice(replicas: Fleet) -> None:
    """Without the privilege syncd says once what to grant, and works; lost revisions are found all the same."""
    replicas.sql(
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;"
        "CREATE ROLE untold LOGIN PASSWORD 'plain';"
        "GRANT USAGE ON SCHEMA routeiq TO untold; GRANT ALL ON ALL TABLES IN SCHEMA routeiq TO untold"
    )
    url = replicas.postgres.url(replicas.database, user="untold", password="plain")
    replicas.put("one")
    replicas.start(0, DATABASE_URL=url)
    replicas.wait_serving("one")
    assert replicas.status(0)["database"]["server"] is None
    assert replicas.syncds[0].log.read_text().count("Grant EXECUTE on pg_control_system()") == 1
    for name in ("two", "three"):
        replicas.put(name)
        replicas.wait_serving(name)
    replicas.sql("DELETE FROM routeiq.revision WHERE number >= 2; UPDATE routeiq.lease SET epoch = epoch")
    wait_for("the recovery", lambda: [row[0] for row in replicas.revisions()] == [1, 4])
    replicas.sql("GRANT EXECUTE ON FUNCTION pg_control_system() TO untold")
    replicas.syncds[0].wait_for_status("its identity", database__server=identity(replicas))
    replicas.stop(0)
    replicas.sql("DROP OWNED BY untold; DROP ROLE untold; GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC")


def test_revisions_that_are_gone_are_published_again_above_what_replicas_have(replicas: Fleet) -> None:
    """An emptied table is a database that lost all revisions: a new replica gets one, and nothing goes back."""
    for index in range(2):
        replicas.start(index)
    for name in ("one", "two"):
        replicas.put(name)
        replicas.wait_serving(name)
    replicas.sql("DELETE FROM routeiq.revision")
    numbers = wait_for("the revision that is published again", replicas.revisions, seconds=60)
    assert [number for number, _, _ in numbers] == [3]
    replicas.start(2)
    replicas.wait_serving("two")
    for index in range(3):
        replicas.syncds[index].wait_for_status("the new number", desired__number=3)
