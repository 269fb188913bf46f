"""What `bench.syncd` measures: real syncds on a real PostgreSQL with durable settings, and an S3 server (moto).

Instants are compared across processes of one machine, so by one clock. All times are in seconds.
"""

import contextlib
import http.client
import json
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from bench.processes import cpu_seconds
from tests.support.fleet import Fleet
from tests.support.postgres import PostgresServer
from tests.support.syncd import Syncd
from tests.support.waiting import wait_for

SETTLE_SECONDS = 10.0
LOGGED = {"log_statement": "all", "log_line_prefix": "%r "}
STATEMENT = re.compile(r"^\S+\((\d+)\) LOG:  (?:execute|statement)", re.MULTILINE)
QUESTION = re.compile(r"^\S+ LOG:  execute", re.MULTILINE)
# In the order in which a syncd comes to import them, so that each line adds to those above it.
IMPORTS = (
    ("Python itself", ()),
    ("asyncio, with ssl", ("asyncio", "ssl")),
    ("PyYAML", ("yaml",)),
    ("structlog and uvicorn, by syncd's own modules for every mode", ("routeiq_syncd.__main__",)),
    ("leader election: asyncpg and its modules", ("routeiq_syncd.assembly.leader_election",)),
    ("ROUTEIQ_CONFIG_KEY: cryptography", ("cryptography.hazmat.primitives.ciphers.aead",)),
    ("source s3, only who asks it: boto3", ("routeiq_syncd.sources.aws.client",)),
)
IMPORTER = """
import sys, time
def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 2**20
for group in sys.argv[1:]:
    before, began = megabytes() if group else 0.0, time.perf_counter()
    for name in group.split():
        __import__(name)
    print(megabytes() - before, time.perf_counter() - began)
"""


@dataclass(frozen=True)
class Idle:
    """A syncd that has nothing to do: memory in MiB, share of a core, statements a second."""

    rss: float
    pss: float
    cpu: float
    statements: float


def import_costs(rounds: int) -> list[tuple[str, float, float]]:
    """Return for each line of `IMPORTS` what it adds: medians of resident MiB and of seconds, in a fresh process."""
    command = [sys.executable, "-c", IMPORTER, *(" ".join(names) for _, names in IMPORTS)]
    found: list[list[tuple[float, float]]] = []
    for _ in range(rounds):
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        found.append([(float(a), float(b)) for a, b in (line.split() for line in printed.splitlines())])
    return [
        (label, statistics.median(one[0] for one in column), statistics.median(one[1] for one in column))
        for (label, _), column in zip(IMPORTS, zip(*found, strict=True), strict=True)
    ]


def ready(fleet: Fleet, name: str, count: int, *, delivery: str = "listen") -> int:
    """Start ``count`` replicas, wait until they serve ``name`` and news comes to them so; return the holder."""
    fleet.put(name)
    for index in range(count):
        fleet.start(index)
    fleet.wait_serving(name, seconds=60)
    for index in range(count):
        fleet.syncds[index].wait_for_status("the delivery", database__delivery=delivery)
    return fleet.holder()


def materialised(log: Path, seen: dict[Path, int]) -> Iterator[tuple[float, dict[str, Any]]]:
    """Yield when each revision had been materialised, and the event, from what ``log`` holds beyond ``seen`` bytes."""
    with log.open("rb") as file:
        file.seek(seen.get(log, 0))
        new = file.read()
    whole = new[: new.rfind(b"\n") + 1]
    seen[log] = seen.get(log, 0) + len(whole)
    for event in (json.loads(line) for line in whole.splitlines() if line.startswith(b"{")):
        if event["event"] == "revision materialised":
            yield datetime.fromisoformat(event["timestamp"]).timestamp(), event


def spread(fleet: Fleet, rounds: int) -> tuple[list[float], list[float]]:
    """Publish ``rounds`` changes, one by one.

    Returns:
        for each the time from its publish to the last materialise: from ``created_at``, which the publishing
        transaction writes just before it commits; and from the end of the upload, the poll following at once.
    """
    holder = fleet.holder()
    logs = [fleet.syncds[index].log for index in fleet.processes]
    seen = {log: log.stat().st_size for log in logs}
    first = int(fleet.sql("SELECT max(number) FROM routeiq.revision")[0]) + 1
    uploaded: dict[int, float] = {}
    committed: dict[int, float] = {}
    done: dict[int, list[float]] = {number: [] for number in range(first, first + rounds)}
    for number in range(first, first + rounds):
        fleet.put(f"bench-{number}")
        uploaded[number] = time.time()
        fleet.syncds[holder].command("POST", "/poll")

        def everyone(number: int = number) -> bool:
            for log in logs:
                for at, event in materialised(log, seen):
                    done[event["number"]].append(at)
            return len(done[number]) == len(logs)

        wait_for(f"revision {number} everywhere", everyone, every=0.02)
        if number % 50 == 0 or number == first + rounds - 1:  # the database keeps a hundred
            rows = fleet.sql("SELECT number, extract(epoch FROM created_at) FROM routeiq.revision")
            committed |= {int(which): float(at) for which, at in (row.split("|") for row in rows)}
    return (
        [max(times) - committed[number] for number, times in done.items()],
        [max(times) - uploaded[number] for number, times in done.items()],
    )


def take_overs(fleet: Fleet, rounds: int, *, clean: bool, delivery: str = "listen") -> list[float]:
    """End the holder ``rounds`` times; return the time from the signal to the next acquisition in the database."""
    found = []
    for _ in range(rounds):
        holder = fleet.holder()
        for index in fleet.processes:
            fleet.syncds[index].wait_for_status("the delivery", database__delivery=delivery)
        if not clean:
            # Every candidate has seen the guard by then, and the kill meets the looks, one every 3 s, at any phase.
            time.sleep(random.uniform(4, 8))  # noqa: S311 - no secret
        epoch = int(fleet.sql("SELECT epoch FROM routeiq.lease")[0])
        process = fleet.processes.pop(holder).process
        began = time.time()
        process.send_signal(signal.SIGTERM if clean else signal.SIGKILL)
        query = f"SELECT extract(epoch FROM acquired_at) FROM routeiq.lease WHERE epoch = {epoch + 1}"  # noqa: S608
        rows = wait_for("the next holder", lambda query=query: fleet.sql(query), every=0.1)  # type: ignore[misc]
        found.append(float(rows[0]) - began)
        process.wait(20)
        fleet.start(holder)
    return found


def idle(server: PostgresServer, processes: Sequence[int], seconds: float) -> list[Idle]:
    """Watch processes that are left alone; the server runs with `LOGGED`."""
    time.sleep(SETTLE_SECONDS)
    ports = [
        {str(one.laddr.port) for one in psutil.Process(pid).net_connections() if one.status == "ESTABLISHED"}
        for pid in processes
    ]
    logged = len(server.log())
    began, before = time.monotonic(), [cpu_seconds(pid) for pid in processes]
    time.sleep(seconds)
    after, elapsed = [cpu_seconds(pid) for pid in processes], time.monotonic() - began
    senders = STATEMENT.findall(server.log()[logged:])
    return [
        Idle(
            memory(pid, "Rss"),
            memory(pid, "Pss"),
            (after[number] - before[number]) / elapsed,
            sum(sender in ports[number] for sender in senders) / elapsed,
        )
        for number, pid in enumerate(processes)
    ]


def pooled(server: PostgresServer, replicas: int, seconds: float) -> tuple[float, float]:
    """Watch a fleet behind PgBouncer that is left alone.

    Returns:
        how many questions a second one replica asks; and how many statements come of it at the server, with the BEGIN
        and COMMIT around each and the SET that PgBouncer sends in front.
    """
    time.sleep(SETTLE_SECONDS)
    logged, began = len(server.log()), time.monotonic()
    time.sleep(seconds)
    log, share = server.log()[logged:], replicas * (time.monotonic() - began)
    return len(QUESTION.findall(log)) / share, len(STATEMENT.findall(log)) / share


def memory(pid: int, kind: str) -> float:
    """``Rss`` or ``Pss`` of one process in MiB.

    Raises:
        ValueError: the text is no such number.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(kind + ":"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"/proc tells no {kind}")


def growth(pid: int, done: Callable[[], int], polls: int) -> list[tuple[int, float]]:
    """Sample the resident MiB of a process at every tenth of ``polls``, as ``done`` counts them."""
    samples = []
    for step in range(1, 11):
        wanted = polls * step // 10
        wait_for(f"{wanted} polls", lambda wanted=wanted: done() >= wanted, seconds=900, every=0.5)  # type: ignore[misc]
        samples.append((done(), memory(pid, "Rss")))
    return samples


def look(syncd: Syncd, pid: int, looks: int) -> list[tuple[int, float]]:
    """Have a follower look at once, ``looks`` times, over one connection to its control socket; sample as `growth`."""
    samples = []
    with contextlib.closing(http.client.HTTPConnection("localhost", timeout=60)) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(syncd.volume / "syncd.sock"))
        for number in range(1, looks + 1):
            connection.request("POST", "/poll")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            if number % (looks // 10) == 0:
                samples.append((number, memory(pid, "Rss")))
    return samples
