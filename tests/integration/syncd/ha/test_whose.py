"""Whose is it: a revision, a volume, a database and a replica's id that belong to another are noticed and named."""

import shutil

import pytest

from tests.support.acks import ack
from tests.support.fleet import Fleet, create_schema
from tests.support.postgres import PostgresServer
from tests.support.s3 import Server
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for


def told(syncd: Syncd, text: str) -> str:
    """Wait until the status warns with ``text``, and `explain` and the log say the same; return the warning."""

    def warning() -> str:
        return next((str(one) for one in syncd.status().get("warnings", ()) if text in str(one)), "")

    found = wait_for(f"a warning with {text}", warning)
    assert found in syncd.request("GET", "/explain")[1]["revision"]
    assert found in "".join(line for line in syncd.log.read_text().splitlines() if "not this replica's own" in line)
    assert found in syncd.status()["database"]["not_own"]
    return found


def silent(syncd: Syncd) -> bool:
    """Whether a status was given that knows of nothing foreign."""
    return bool(syncd.status().get("database", {}).get("not_own") == [])


def test_a_revision_from_another_source_is_told(replicas: Fleet, s3: Server) -> None:
    """Two environments, one database, the default lock name: the one that follows the other's says so."""
    replicas.put("production")
    production = replicas.start(0)
    replicas.wait_serving("production")
    assert wait_for("a look", lambda: silent(production))
    other = s3.bucket(f"{replicas.bucket}-dev")
    s3.put(other, config("development"))
    development = replicas.start(1, S3_BUCKET_NAME=other)
    replicas.wait_serving("production", 1)
    warning = told(development, f"came from s3://{replicas.bucket}/config.yaml")
    assert f"this replica's source is s3://{other}/config.yaml" in warning
    replicas.stop(0)
    replicas.wait_serving("development", 1)
    wait_for("the end of the warning", lambda: silent(development))


def test_a_revision_from_another_source_is_refused_on_demand(replicas: Fleet, s3: Server) -> None:
    """With ROUTEIQ_REFUSE_FOREIGN_SOURCE what another environment publishes comes to no volume."""
    other = s3.bucket(f"{replicas.bucket}-dev")
    s3.put(other, config("development"))
    replicas.put("production")
    production = replicas.start(0)
    replicas.wait_serving("production")
    ack(production)
    strict = replicas.start(1, S3_BUCKET_NAME=other, ROUTEIQ_REFUSE_FOREIGN_SOURCE="true")
    wait_for("the refusal", lambda: "keeps it out" in str(strict.status().get("last_error")))
    assert replicas.serving(1) == ""
    assert not (strict.volume / "acked").exists()
    replicas.stop(0)
    replicas.wait_serving("development", 1)
    wait_for("the end of the refusal", lambda: strict.status().get("last_error") is None)


@pytest.mark.parametrize("elsewhere", ["lock", "database"])
def test_a_volume_of_another_fleet_is_told_until_it_holds_its_own(
    replicas: Fleet, server: PostgresServer, elsewhere: str
) -> None:
    """Reused under another lock name or database: both fleets are named, and nothing is called a loss of revisions."""
    replicas.put("before")
    syncd = replicas.start(0)
    replicas.wait_serving("before")
    identity = wait_for("the identity", lambda: syncd.status()["database"]["identity"])
    assert wait_for("a look", lambda: silent(syncd))
    replicas.stop(0)
    lock, url = "another", replicas.settings["DATABASE_URL"]
    if elsewhere == "database":
        server.create_database(name := f"{replicas.database}b")
        create_schema(server, name)
        lock, url = "config_sync", server.url(name)
    replicas.own[0] = {"LLMROUTER_CONFIG_SYNC_LOCK_NAME": lock, "DATABASE_URL": url}
    replicas.start(0, S3_CONFIG_KEY="nosuch.yaml")
    warning = told(syncd, f"last used in the fleet 'config_sync' of the database {identity}")
    assert f"of the fleet '{lock}'" in warning
    assert "lost revisions" not in syncd.log.read_text()
    replicas.stop(0)
    replicas.put("after")
    replicas.start(0)
    replicas.wait_serving("after")
    wait_for("the end of the warning", lambda: silent(syncd))
    replicas.stop(0)
    replicas.start(0)
    assert wait_for("a look", lambda: silent(syncd))


def test_a_restored_database_and_an_older_volume_are_nobody_elses(replicas: Fleet, server: PostgresServer) -> None:
    """A dump keeps the identity; a volume without a mark, as releases before left it, is taken as it is."""
    replicas.put("one")
    syncd = replicas.start(0)
    replicas.wait_serving("one")
    identity = wait_for("the identity", lambda: syncd.status()["database"]["identity"])
    replicas.stop(0)
    server.create_database(restored := f"{replicas.database}r", template=replicas.database)
    replicas.start(0, DATABASE_URL=server.url(restored))
    wait_for("the identity", lambda: syncd.status().get("database", {}).get("identity") == identity)
    assert wait_for("a look", lambda: silent(syncd))
    server.sql("UPDATE routeiq.identity SET id = gen_random_uuid()", database=restored)  # as the documentation says
    wait_for("another identity", lambda: syncd.status()["database"]["identity"] != identity)
    replicas.stop(0)
    (syncd.volume / "fleet.json").unlink()
    replicas.start(0)
    assert wait_for("a look", lambda: silent(syncd) and (syncd.volume / "fleet.json").exists())
    server.drop_database(restored)


@pytest.mark.timeout(120)
def test_a_copied_volume_is_told_by_both_and_takes_no_row_from_the_other(replicas: Fleet) -> None:
    """Two processes under one id: each names the other, and the one that stops leaves the other's row alone."""
    replicas.put("one")
    first = replicas.start(0)
    replicas.wait_serving("one")
    wait_for("the id", (first.volume / "replica-id").exists)
    second = replicas.start(1)
    replicas.wait_serving("one", 1)
    assert wait_for("a look", lambda: silent(first) and silent(second))
    replicas.stop(1)
    shutil.copy(first.volume / "replica-id", second.volume / "replica-id")
    replicas.start(1)
    names = [one.wait_for_status("a look", running=True)["database"]["own_holder_id"] for one in (first, second)]
    told(first, f"{names[1]} on ")
    told(second, f"{names[0]} on ")
    rows = "SELECT process FROM routeiq.replica"
    wait_for("the first one's row", lambda: replicas.sql(rows) == [names[0]], every=0.01)
    replicas.stop(1)
    assert replicas.sql(rows) == [names[0]]
    wait_for("the end of the warning", lambda: silent(first))
