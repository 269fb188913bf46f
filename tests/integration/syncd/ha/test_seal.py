"""Configurations sealed in the database: who has the key reads them, and keys rotate."""

import base64
import hashlib

import pytest

from tests.support.fleet import Fleet
from tests.support.waiting import wait_for

CHANNEL = f"routeiq_{hashlib.sha256(b'config_sync').hexdigest()[:16]}"
READS = 2  # statements that the server logs for one read
OLD, NEW = (base64.b64encode(bytes([letter]) * 32).decode() for letter in b"on")


def test_keys_rotate_and_the_database_never_sees_the_configuration(replicas: Fleet) -> None:
    """Sealed with the first key, opened with any; without the key a replica says so and serves on."""
    replicas.put("plain")
    replicas.start(0)
    replicas.wait_serving("plain")
    replicas.stop(0)
    replicas.start(0, ROUTEIQ_CONFIG_KEY=OLD)
    replicas.syncds[0].wait_for_status("the holder", leader_election__is_leader=True)
    replicas.start(1, ROUTEIQ_CONFIG_KEY=f"{NEW},{OLD}")
    replicas.put("sealed")
    replicas.wait_serving("sealed")
    assert replicas.sql("SELECT substr(payload, 1, 1) FROM routeiq.revision ORDER BY number") == ["\\x5a", "\\x45"]
    replicas.stop(0)
    replicas.put("rotated")
    replicas.wait_serving("rotated", 1)
    replicas.start(0, ROUTEIQ_CONFIG_KEY=OLD)
    syncd = replicas.syncds[0]
    wait_for(
        "the sentence", lambda: "ROUTEIQ_CONFIG_KEY does not hold its key" in str(syncd.status().get("last_error"))
    )
    assert replicas.serving(0) == "sealed"
    replicas.kill(0)
    replicas.start(0, ROUTEIQ_CONFIG_KEY=f"{OLD},{NEW}")
    replicas.wait_serving("rotated", 0)
    for index in range(2):
        text = replicas.syncds[index].log.read_text()
        assert OLD not in text
        assert NEW not in text


@pytest.mark.parametrize(
    "change", ["lock_name = 'other'", "payload = set_byte(payload, 30, 255 - get_byte(payload, 30))"]
)
def test_a_sealed_row_that_was_moved_or_changed_does_not_open(replicas: Fleet, change: str) -> None:
    """The seal binds content, digest and fleet."""
    replicas.put("one")
    replicas.start(0, ROUTEIQ_CONFIG_KEY=OLD)
    replicas.wait_serving("one")
    replicas.stop(0)
    replicas.sql(f"UPDATE routeiq.revision SET {change}")  # noqa: S608 - the test's own words
    name = "other" if "other" in change else "config_sync"
    syncd = replicas.start(1, ROUTEIQ_CONFIG_KEY=OLD, LLMROUTER_CONFIG_SYNC_LOCK_NAME=name)
    wait_for("the sentence", lambda: "was tampered with" in str(syncd.status().get("last_error")))
    assert replicas.serving(1) == ""


def test_a_row_that_cannot_be_opened_is_not_read_at_every_look(replicas: Fleet) -> None:
    """A fleet without the key would otherwise read the whole row again and again."""
    replicas.put("sealed")
    replicas.start(0, ROUTEIQ_CONFIG_KEY=OLD)
    replicas.wait_serving("sealed")
    replicas.stop(0)
    replicas.sql(f"ALTER DATABASE {replicas.database} SET log_statement = 'all'")
    syncd = replicas.start(1)
    wait_for("the sentence", lambda: "does not hold its key" in str(syncd.status().get("last_error")))
    syncd.wait_for_status("notifications", database__delivery="listen")

    def logged(statement: str) -> int:
        return replicas.postgres.log().count(statement)

    reads = logged("SELECT manifest, payload")
    for _ in range(10):
        looks = logged("SELECT l.holder_id")
        replicas.sql(f"SELECT pg_notify('{CHANNEL}', 'published 1')")
        wait_for("a look", lambda looks=looks: logged("SELECT l.holder_id") > looks)  # type: ignore[misc]
    assert logged("SELECT manifest, payload") - reads <= 2 * READS
