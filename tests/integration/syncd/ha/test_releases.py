# The statements of these tests are put together from names of their own.
# ruff: noqa: S608
"""Other releases: a schema that is missing, older or newer; documents that are older or say more."""

import asyncio
import itertools
import json
from datetime import UTC, datetime

import pytest

from routeiq_syncd.configuration.bundle import Bounds
from routeiq_syncd.database.questions import Database
from routeiq_syncd.database.session import NEEDED, Session
from routeiq_syncd.database.url import parse_url
from routeiq_syncd.lease import Timing
from routeiq_syncd.reconcile.reconciler import Reconciler
from routeiq_syncd.replication.follower import Follower, SchemaNeverCameError
from routeiq_syncd.revision.decide import Rules
from routeiq_syncd.revision.manifest import Publisher
from routeiq_syncd.runtime.logs import build_log
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.sources.file import FileSource
from routeiq_syncd.status.ownership import Ownership
from routeiq_syncd.status.recorder import ClusterRecorder
from routeiq_syncd.volume.opening import open_volume
from tests.support.fleet import Fleet
from tests.support.migrate import migrate
from tests.support.snapshots import cluster_snapshot
from tests.support.waiting import wait_for

OLDER = "manifest #- '{source,version_id}' #- '{source,generation}' #- '{source,etag}' #- '{publisher,epoch}'"


def test_a_schema_that_comes_late_is_waited_for(replicas: Fleet) -> None:
    """Started before migrate, or with an older release's schema, it says what to run, and then goes on by itself."""
    replicas.sql("DROP SCHEMA routeiq CASCADE")
    replicas.put("one")
    syncd = replicas.start(0)
    wait_for("the sentence", lambda: "not there yet; run `routeiq-migrate up`" in str(syncd.status().get("last_error")))
    assert syncd.request("GET", "/livez")[0] == 200
    assert migrate("up", url=replicas.postgres.url(replicas.database)).returncode == 0
    replicas.wait_serving("one")
    replicas.stop(0)
    replicas.sql("UPDATE routeiq.migration SET name = '0000_' || name")
    replicas.start(0)
    told = f"is at 0000_{NEEDED} and this release of syncd needs {NEEDED}; run `routeiq-migrate up`"
    wait_for("the sentence", lambda: told in str(syncd.status().get("last_error")))
    assert replicas.serving(0) == "one"
    replicas.put("two")
    replicas.sql("UPDATE routeiq.migration SET name = substr(name, 6)")
    replicas.wait_serving("two")
    syncd.wait_for_status("no error any more", last_error=None)


OWN = Ownership("file", "config.yaml")


def test_a_schema_that_never_comes_ends_the_wait(replicas: Fleet) -> None:
    """Ten minutes by its clock, and the process ends with a sentence: an operator has to see it."""
    replicas.sql("DELETE FROM routeiq.migration")
    seconds = itertools.count(0.0, 250.0)
    now = datetime.now(UTC)
    volume = open_volume(replicas.folder / "volume")
    recorder = ClusterRecorder(cluster_snapshot(), build_log("t", level="ERROR", form="json"), lambda: now)
    source = FileSource(replicas.folder / "config.yaml", Bounds())
    rules = Rules(Bounds(), frozenset(), Publisher("h"))
    reconciler = Reconciler(source=source, volume=volume, rules=rules, now=lambda: now)

    async def story() -> None:
        session = Session(parse_url(replicas.postgres.url(replicas.database)), seconds=5)
        database = Database(session, "config_sync", Timing())
        await Follower(database, reconciler, recorder, Liveness(), seconds.__next__, OWN).run()

    with pytest.raises(SchemaNeverCameError, match=r"is at nothing and .* run `routeiq-migrate up`.* for 600 s"):
        asyncio.run(story())
    volume.close()


def test_the_privileges_that_the_documentation_names_are_enough(replicas: Fleet) -> None:
    """A user without the right to read the ledger is told so; with what `docs/high-availability.md` names it works."""
    user, password = f"{replicas.database}_user", "not-to-be-told"
    replicas.sql(
        f"CREATE ROLE {user} LOGIN PASSWORD '{password}'; GRANT USAGE ON SCHEMA routeiq TO {user}; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON routeiq.lease, routeiq.revision, routeiq.replica, routeiq.request "
        f"TO {user}"
    )
    url = replicas.postgres.url(replicas.database, user=user, password=password)
    replicas.put("one")
    syncd = replicas.start(0, DATABASE_URL=url)
    wait_for("the sentence", lambda: "lacks a privilege on the schema" in str(syncd.status().get("last_error")))
    replicas.sql(f"GRANT SELECT ON routeiq.migration TO {user}")
    replicas.wait_serving("one")
    syncd.wait_for_status("no error any more", last_error=None)
    wait_for("the row", lambda: replicas.sql("SELECT desired FROM routeiq.replica") == ["1"])
    replicas.stop(0)
    assert replicas.sql("SELECT count(*) FROM routeiq.replica") == ["0"]
    replicas.sql(f"DROP OWNED BY {user}; DROP ROLE {user}")


def test_a_newer_schema_is_worked_with(replicas: Fleet) -> None:
    """A newer release's migration has added what this one does not know: it publishes, follows, and takes over."""
    for table in ("lease", "revision", "replica"):
        replicas.sql(f"ALTER TABLE routeiq.{table} ADD COLUMN later text NOT NULL DEFAULT 'x'")
    replicas.sql("INSERT INTO routeiq.migration (name, checksum) VALUES ('9999_later', '')")
    replicas.put("one")
    for index in range(2):
        replicas.start(index)
    replicas.wait_serving("one")
    replicas.stop(replicas.holder())
    replicas.put("two")
    replicas.wait_serving("two")


def test_an_older_format_is_read_on_the_volume_and_in_the_database(replicas: Fleet) -> None:
    """What an older release wrote, with fewer fields, is served on, materialised, told, and numbered on."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    replicas.stop(0)
    syncd = replicas.syncds[0]
    path = (syncd.volume / "current").resolve() / "manifest.json"
    manifest = json.loads(path.read_bytes())
    older = {**manifest, "source": {"kind": "s3", "location": "x"}, "publisher": {"holder_id": "h"}}
    path.write_text(json.dumps(older))
    replicas.sql(f"UPDATE routeiq.revision SET manifest = {OLDER}, source = '{{}}'")
    replicas.start(0)
    replicas.start(1)
    replicas.wait_serving("one")
    for index in range(2):
        replicas.syncds[index].wait_for_status("the older one's", desired__number=1, last_error=None)
    assert json.loads(path.read_bytes()) == older, "left as it was"
    assert "generation" not in (replicas.syncds[1].volume / "current/manifest.json").read_text()
    assert '"number": 1' in syncd.call("history").stdout
    replicas.put("two")
    replicas.wait_serving("two")
    assert [row[:2] for row in replicas.revisions()] == [(1, 1), (2, 2)]


def test_a_field_that_this_release_does_not_know_survives(replicas: Fleet) -> None:
    """A newer holder's manifest is laid on the volume as it was written, and stays so over a restart."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    replicas.sql(
        "INSERT INTO routeiq.revision (lock_name, number, digest, manifest, payload, epoch, holder_id) "
        'SELECT lock_name, 2, digest, manifest || $${"number": 2, "trial": {"by": "newer"}}$$, payload, '
        "epoch, holder_id FROM routeiq.revision"
    )
    syncd = replicas.syncds[0]
    syncd.wait_for_status("the newer one's revision", desired__number=2)
    replicas.stop(0)
    replicas.start(0)
    syncd.wait_for_status("the same after a restart", desired__number=2, last_error=None)
    manifest = json.loads((syncd.volume / "current/manifest.json").read_bytes())
    assert manifest["trial"] == {"by": "newer"}
