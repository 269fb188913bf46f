# The statements of these tests are put together from names of their own.
# ruff: noqa: S608
"""What PostgreSQL does not take, what a pooler answers, what anybody wrote into a row: none of it ends a process."""

import asyncio
import hashlib
import json
import zlib

import pytest

from routeiq_syncd.configuration.bundle import Entry, digest_of, make_bundle
from routeiq_syncd.database.faults import DatabaseAwayError
from routeiq_syncd.database.session import Session
from routeiq_syncd.database.url import parse_url
from routeiq_syncd.replication.replica_row import NO_REASON
from tests.support.fleet import Fleet, create_schema
from tests.support.manifests import manifest_of
from tests.support.syncd import config
from tests.support.waiting import wait_for

SPOILT = '"a\\0b": 1\n"a\\0b": 2\n'
CHANNEL = "routeiq_" + hashlib.sha256(b"config_sync").hexdigest()[:16]


def alive(replicas: Fleet) -> bool:
    """Whether every syncd that was started still runs."""
    return all(running.process.poll() is None for running in replicas.processes.values())


def test_a_reason_that_postgresql_cannot_store_is_told_legibly(replicas: Fleet) -> None:
    """A NUL in what the gateway says arrives written out, a key with a NUL arrives as none; all follow on."""
    replicas.put("one")
    for index in range(2):
        replicas.start(index)
    replicas.wait_serving("one")
    replicas.s3.put(replicas.bucket, config("bad") + SPOILT)
    told = r"SELECT count(*) FROM routeiq.replica WHERE strpos(reason, '{}') > 0"
    wait_for("the row of the holder", lambda: replicas.sql(told.format("stands on line")) == ["1"])
    refused = {"number": 1, "digest": "d\0", "reason": "gateway\0says\ud800", "at": "2026-11-22T22:00:00.000Z"}
    for index in range(2):
        (replicas.syncds[index].volume / "answers/gateway.json").write_text(json.dumps({"refused": refused}))
    wait_for("the other row", lambda: replicas.sql(told.format(r"gateway\x00says\ud800")) == ["1"])
    replicas.put("two")
    replicas.wait_serving("two")
    assert alive(replicas)


def test_a_database_of_another_encoding_takes_what_it_can(replicas: Fleet) -> None:
    """A reason with a character that it lacks goes without; a revision with one is not published; nobody ends."""
    replicas.postgres.drop_database(replicas.database)
    replicas.postgres.sql(f"CREATE DATABASE {replicas.database} ENCODING 'LATIN1' TEMPLATE template0")
    create_schema(replicas.postgres, replicas.database)
    replicas.put("one")
    for index in range(2):
        replicas.start(index)
    replicas.wait_serving("one")
    holder = replicas.syncds[replicas.holder()]
    answer = holder.volume / "answers/gateway.json"
    refused = {"number": 1, "digest": "d", "reason": "the gateway says …", "at": "2026-11-22T22:00:00.000Z"}
    answer.write_text(json.dumps({"refused": refused}))
    wait_for("the row", lambda: NO_REASON in replicas.sql("SELECT reason FROM routeiq.replica"))
    wait_for("the status", lambda: "goes without its reason" in str(holder.status().get("last_error")))
    assert holder.status()["refused"]["reason"] == "the gateway says …"
    answer.unlink()
    replicas.put("two")
    replicas.wait_serving("two")
    holder.wait_for_status("no error any more", last_error=None)
    assert holder.log.read_text().count("goes without its reason") == 1
    for index in range(2):
        replicas.stop(index)
    replicas.s3.client.put_object(Bucket=replicas.bucket, Key="€.yaml", Body=config("three").encode())
    replicas.start(0, S3_CONFIG_KEY="€.yaml")
    told = "Not published: the database does not take the revision"
    wait_for("the sentence", lambda: told in str(replicas.status(0).get("last_error")))
    assert replicas.serving(0) == "two"
    assert alive(replicas)


@pytest.mark.parametrize("state", ["XX000", "54000", "ZZ999", "23514"])
def test_a_row_that_is_not_taken_is_written_later(replicas: Fleet, state: str) -> None:
    """A pooler's internal error, a limit, a state of nobody's, a constraint: the row is written until that succeeds."""
    replicas.put("one")
    syncd = replicas.start(0)
    replicas.wait_serving("one")
    replicas.sql(
        "CREATE SEQUENCE public.tries; CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"PERFORM nextval('public.tries'); RAISE EXCEPTION 'max clients reached' USING ERRCODE = '{state}'; END $$; "
        "CREATE TRIGGER refuse BEFORE UPDATE OR INSERT ON routeiq.replica FOR EACH ROW "
        "EXECUTE FUNCTION public.refuse()"
    )
    wait_for("several tries", lambda: int(replicas.sql("SELECT last_value FROM public.tries")[0]) > 2, seconds=60)
    assert alive(replicas)
    assert syncd.request("GET", "/livez")[0] == 200
    replicas.sql("DROP TRIGGER refuse ON routeiq.replica; UPDATE routeiq.replica SET state = 'old'")
    wait_for("the row", lambda: replicas.sql("SELECT state FROM routeiq.replica") == ["materialised"])
    syncd.wait_for_status("no error any more", last_error=None)


def test_what_does_not_speak_as_postgresql_is_away() -> None:
    """A server that lets in and does not say its version makes asyncpg trip: a sentence, and the socket is closed."""
    hung_up: asyncio.Queue[None] = asyncio.Queue()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"R\0\0\0\x08\0\0\0\0" + b"Z\0\0\0\x05I")  # logged in, ready
        await reader.read()
        writer.close()
        hung_up.put_nowait(None)

    async def story() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        url = f"postgresql://u:p@127.0.0.1:{server.sockets[0].getsockname()[1]}/d?sslmode=disable"
        async with server:
            session = Session(parse_url(url), seconds=5)
            with pytest.raises(DatabaseAwayError, match=r"does not answer as PostgreSQL does \(AttributeError\)\.$"):
                async with session.use():
                    pass
            with pytest.raises(DatabaseAwayError, match=r"does not answer as PostgreSQL does \(AttributeError\)\.$"):
                await session.connect()
            async with asyncio.timeout(10):
                await hung_up.get()
                await hung_up.get()

    asyncio.run(story())


def tree(**names: bytes) -> tuple[tuple[Entry, ...], bytes]:
    """Files as a manifest names them, and as a row holds them."""
    bundle = make_bundle({"config.yaml": b""} | {name.replace("__", "/"): data for name, data in names.items()})
    return bundle.entries, b"Z" + zlib.compress(b"".join(bundle.files[entry.path] for entry in bundle.entries))


def sized(size: int) -> tuple[tuple[Entry, ...], bytes]:
    """One file that is said to have so many bytes."""
    return (Entry("config.yaml", size, "0" * 64),), b"Zx"


def test_a_revision_that_nobody_can_read_is_told_and_left_alone(replicas: Fleet) -> None:
    """Rows as a faulty or hostile writer leaves them: each replica is stuck, says why, and takes the next good one."""
    replicas.put("one")
    syncd = replicas.start(0)
    replicas.wait_serving("one")
    unreadable = "cannot be read by this release"
    zeros = bytes(50 * 1024 * 1024)
    bomb = make_bundle({"config.yaml": zeros}).entries, b"Z" + zlib.compress(zeros)
    rows: list[tuple[tuple[Entry, ...], bytes | None, dict[str, object], str]] = [
        (*sized(-5), {}, unreadable),
        (*sized(10**30), {}, unreadable),
        (*tree(**{"manifest.json": b"{}"}), {}, unreadable),
        (*tree(a=b"1", a__b=b"2"), {}, unreadable),
        (*tree(**{"a" * 300: b"1"}), {}, unreadable),
        (*tree(), {"publisher": {"holder_id": "h", "epoch": 2**63 - 1}}, unreadable),
        (*tree(), {"created_at": 10**400}, unreadable),
        (*bomb, {}, "says that its row holds 52428800 bytes"),
        (tree()[0], None, {}, "no content in the database that this release can read"),
    ]
    for number, (entries, payload, fields, told) in enumerate(rows, start=2):
        insert(replicas, number, manifest_of(*entries, number=number, **fields), digest_of(entries), payload)
        wait_for(f"{told}, {number}", lambda told=told, number=number: _says(syncd.status(), told, number))  # type: ignore[misc]  # mypy infers no lambda default
        assert alive(replicas)
        assert replicas.serving(0) == "one"
    wait_for("the row", lambda: replicas.sql("SELECT state FROM routeiq.replica") == ["stuck"])
    insert(replicas, 50, manifest_of(*tree()[0], number=50), "f" * 64, tree()[1])
    wait_for("the digest", lambda: _says(syncd.status(), "names a digest that its manifest does not", 50))
    replicas.put("two")
    replicas.wait_serving("two")
    syncd.wait_for_status("no error any more", last_error=None)
    assert replicas.revisions()[-1][0] == 51


def insert(replicas: Fleet, number: int, manifest: bytes, digest: str, payload: bytes | None) -> None:
    """Write a revision as its rows are, past the fence, and tell it."""
    content = "NULL" if payload is None else f"'\\x{payload.hex()}'"
    source = '{"kind": "s3", "bucket": "b", "key": "k", "version_id": []}'
    replicas.sql(
        "INSERT INTO routeiq.revision (lock_name, number, digest, manifest, payload, epoch, holder_id, source) VALUES "
        f"('config_sync', {number}, '{digest}', $${manifest.decode()}$$, {content}, 1, 'h', '{source}'); "
        f"SELECT pg_notify('{CHANNEL}', 'published 1')"
    )


def _says(status: dict[str, object], told: str, number: int) -> bool:
    error = str(status.get("last_error"))
    return told in error and f"evision {number} " in error
