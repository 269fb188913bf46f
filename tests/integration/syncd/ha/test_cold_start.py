"""A replica that starts finds something good to serve, whatever was pushed last and whatever can be opened of it."""

import base64
import contextlib
from pathlib import Path

import pytest

from tests.support.acks import ack
from tests.support.fleet import PADDING, Fleet
from tests.support.gateway import config_with, gateway
from tests.support.waiting import wait_for

OLD, NEW = (base64.b64encode(bytes([letter]) * 32).decode() for letter in b"on")
BAD = config_with("bad").replace("openai/demo", "nosuchprovider/x")
DAMAGES = {
    "payload": "payload = set_byte(payload, 30, 255 - get_byte(payload, 30))",
    "form": "payload = set_byte(payload, 0, 200)",
    "no payload": "payload = NULL",
    "short payload": "payload = ''",
    "manifest": "manifest = '{}'",
    "another manifest": "manifest = jsonb_set(manifest, '{number}', '77')",
    "files": "manifest = jsonb_set(manifest, '{files}', '[]')",
    "digest": "digest = repeat('f', 64)",
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("more", ["", PADDING], ids=["in its row", "by pointer"])
def test_a_new_replica_serves_what_the_fleet_acked_while_the_newest_is_refused(
    replicas: Fleet, tmp_path: Path, more: str
) -> None:
    """With an empty volume, after all others are gone too; it says what is refused, and takes the next good one."""

    def put(text: str) -> None:
        replicas.s3.put(replicas.bucket, text)

    if more:
        client = replicas.s3.client
        client.put_bucket_versioning(Bucket=replicas.bucket, VersioningConfiguration={"Status": "Enabled"})
    put(config_with("good") + more)
    with contextlib.ExitStack() as pods:
        for index in range(2):
            folder = tmp_path / f"pod{index}"
            folder.mkdir()
            volume = str(replicas.start(index).volume)
            one = pods.enter_context(gateway(folder, ROUTEIQ_VOLUME=volume, ROUTEIQ_WORKERS="1"))
            one.wait_ready()
            assert one.chat() == "good"
            if index == 0:
                put(BAD + more)
                wait_for("the refusal", lambda: replicas.sql("SELECT state FROM routeiq.replica") == ["refused"])
                replicas.stop(0)  # its row goes with it: only the database knows what was acked
        syncd = replicas.syncds[1]
        status = syncd.wait_for_status("the refusal", serving__number=1, refused__number=2, desired__number=2)
        assert status["database"]["acked"]["number"] == 1
        told = " ".join(syncd.request("GET", "/explain")[1]["revision"])
        assert "holds revision 2; the gateway serves revision 1" in told
        assert "nosuchprovider" in told
        put(config_with("better") + more)
        wait_for("the next good one", lambda: one.chat() == "better", seconds=60)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_row_keeps_no_replica_from_starting(replicas: Fleet, damage: str) -> None:
    """Without the source the newest acked revision is taken, and told; with it, the content is published anew."""
    replicas.put("one")
    first = replicas.start(0)
    replicas.wait_serving("one")
    ack(first)
    replicas.put("two")
    replicas.wait_serving("two")
    replicas.stop(0)
    replicas.sql(f"UPDATE routeiq.revision SET {DAMAGES[damage]} WHERE number = 2")  # noqa: S608 - the test's own words
    second = replicas.start(1, S3_CONFIG_KEY="nosuch.yaml")
    replicas.wait_serving("one", 1)
    told = wait_for("the reason", lambda: str((second.status().get("last_error") or {}).get("message", "")))
    replicas.stop(1)
    assert "evision 2" in told or "nosuch.yaml" in told
    replicas.start(1)
    replicas.wait_serving("two", 1)
    assert replicas.revisions()[-1][0] == 3
    replicas.stop(1)
    replicas.start(2)
    replicas.wait_serving("two", 2)
    assert len(replicas.sql("SELECT number FROM routeiq.revision")) == 3


def test_what_a_lost_key_sealed_is_published_anew(replicas: Fleet) -> None:
    """A holder with the fleet's key, which has the content on its volume, seals it again; new replicas open that."""
    replicas.put("one")
    replicas.start(0, ROUTEIQ_CONFIG_KEY=OLD)
    replicas.wait_serving("one")
    replicas.stop(0)
    syncd = replicas.start(0, ROUTEIQ_CONFIG_KEY=NEW)
    wait_for("the new revision", lambda: [row[0] for row in replicas.revisions()] == [1, 2])
    replicas.start(1, ROUTEIQ_CONFIG_KEY=NEW)
    replicas.wait_serving("one", 1)
    (note,) = replicas.sql("SELECT note FROM routeiq.revision WHERE number = 2")
    assert "does not hold its key" in note
    assert "published anew what cannot be opened" in syncd.log.read_text()
    for key in (OLD, NEW):
        assert key not in syncd.log.read_text()


def test_without_a_key_nothing_sealed_is_published_unsealed(replicas: Fleet) -> None:
    """A replica that was started without its key says so; it does not store in the clear what was sealed."""
    replicas.put("one")
    replicas.start(0, ROUTEIQ_CONFIG_KEY=OLD)
    replicas.wait_serving("one")
    replicas.stop(0)
    syncd = replicas.start(0)
    syncd.wait_for_status("a turn of the holder", leader_election__is_leader=True, fetch__outcome="unchanged")
    assert replicas.sql("SELECT number FROM routeiq.revision") == ["1"]


def test_the_newest_acked_revision_outlives_any_number_of_bad_ones(replicas: Fleet) -> None:
    """However many revisions that nobody acked came after it, the database and each volume keep it."""
    replicas.put("good")
    first = replicas.start(0)
    replicas.wait_serving("good")
    number, digest = ack(first)
    replicas.sql(
        "INSERT INTO routeiq.revision (lock_name, number, digest, manifest, payload, epoch, holder_id) "
        "SELECT lock_name, n, digest, manifest, payload, epoch, holder_id "
        "FROM routeiq.revision, generate_series(2, 150) AS n"
    )
    replicas.put("newest")
    replicas.wait_serving("newest")
    wait_for("the chores", lambda: len(replicas.revisions()) < 110, seconds=60)
    assert replicas.revisions()[0][0] == number
    replicas.start(1)
    replicas.wait_serving("newest", 1)
    for index in range(2):
        link = replicas.syncds[index].volume / "acked"
        wait_for("the reserve", lambda link=link: link.is_symlink())  # type: ignore[misc]
        assert link.resolve().name == f"{number:06d}-{digest[:12]}"


def test_a_revision_that_is_damaged_on_the_volume_gives_way_to_the_reserve(replicas: Fleet) -> None:
    """With the database and the source away too, a start finds what the fleet acked before; then the desired again."""
    replicas.put("one")
    first = replicas.start(0)
    replicas.wait_serving("one")
    number, digest = ack(first)
    wait_for("the reserve", (first.volume / "acked").exists)
    replicas.put("two")
    replicas.wait_serving("two")
    replicas.stop(0)
    (tree,) = (first.volume / "revisions").glob(f"{number + 1:06d}-*")
    (tree / "config.yaml").write_text("damaged")
    away = {"DATABASE_URL": "postgresql://u:p@127.0.0.1:1/d", "S3_CONFIG_KEY": "nosuch.yaml"}
    replicas.start(0, **away)  # type: ignore[arg-type]  # no key of these is `command`
    replicas.wait_serving("one")
    assert (first.volume / "current").resolve().name == f"{number:06d}-{digest[:12]}"
    wait_for("the reason", lambda: "named no whole revision" in first.log.read_text())
    replicas.stop(0)
    replicas.start(0)
    replicas.wait_serving("two")


@pytest.mark.timeout(150)
def test_a_holder_publishes_anew_what_a_new_replica_cannot_open(replicas: Fleet) -> None:
    """Though the holder has the content on its volume, and the source has not changed: once, and not again."""
    replicas.put("one")
    replicas.start(0)
    replicas.wait_serving("one")
    replicas.holder()
    replicas.sql("UPDATE routeiq.revision SET payload = 'Zdamaged'")
    replicas.start(1)
    replicas.wait_serving("one", 1, seconds=60)
    assert replicas.leaders() == [0]
    assert [row[0] for row in replicas.revisions()] == [1, 2]
    replicas.start(2)
    replicas.wait_serving("one", 2)
    assert [row[0] for row in replicas.revisions()] == [1, 2]
