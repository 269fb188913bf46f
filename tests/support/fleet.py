"""A fleet of real syncds on one database and one bucket, and what each of them serves."""

import contextlib
import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routeiq_migrate.ledger import CREATE_OWN
from tests.support.postgres import PostgresServer
from tests.support.processes import REPOSITORY, Running, running
from tests.support.s3 import Server
from tests.support.syncd import Syncd, config
from tests.support.waiting import wait_for

SCHEMA = REPOSITORY / "migrate/src/routeiq_migrate/sql"
LEASE, RENEW = 4.0, 1.0
PADDING = "# " + "x" * 2 * 1024 * 1024 + "\n"
"""What makes a configuration too large for its row."""


def create_schema(server: PostgresServer, database: str) -> None:
    """Make the tables as migrate does, and their ledger, without LiteLLM's."""
    scripts = sorted(SCHEMA.glob("*.sql"))
    names = ", ".join(f"('{path.stem}', '')" for path in scripts)
    server.sql(
        f"CREATE SCHEMA routeiq;\n{CREATE_OWN};\n"
        + "".join(path.read_text() for path in scripts)
        + f";\nINSERT INTO routeiq.migration (name, checksum) VALUES {names}",
        database=database,
    )


@dataclass
class Fleet:
    """Replicas by index; ``settings`` are those of every one, ``own`` those of one more."""

    folder: Path
    postgres: PostgresServer
    database: str
    s3: Server
    bucket: str
    settings: dict[str, str]
    stack: contextlib.ExitStack
    syncds: list[Syncd] = field(default_factory=list)
    processes: dict[int, Running] = field(default_factory=dict)
    own: dict[int, dict[str, str]] = field(default_factory=dict)

    def start(self, index: int, *, command: list[str] | None = None, **more: str) -> Syncd:
        """Start replica ``index``, on the volume that it had before if it had one."""
        while len(self.syncds) <= index:
            folder = self.folder / str(len(self.syncds))
            folder.mkdir()
            self.syncds.append(Syncd(folder, self.settings))
        syncd = self.syncds[index]
        environment = syncd.environment(**(self.own.get(index, {}) | more))
        process = running(command or ["routeiq-syncd", "run"], output=syncd.log, environment=environment)
        self.processes[index] = self.stack.enter_context(process)
        return syncd

    def start_stepping(self, index: int, step: str, trigger: Path, *modes: str) -> Syncd:
        """Start a replica that stops itself (SIGSTOP) after ``step``, once, as soon as ``trigger`` exists."""
        script = str(REPOSITORY / "tests/support/syncd_stops.py")
        return self.start(index, command=[sys.executable, script, step, str(trigger), *modes])

    def kill(self, index: int) -> None:
        """SIGKILL replica ``index``."""
        self.processes.pop(index).kill()

    def stop(self, index: int) -> None:
        """End replica ``index`` cleanly."""
        process = self.processes.pop(index)
        process.process.send_signal(signal.SIGTERM)
        assert process.wait_for_exit() == 0

    def put(self, name: str) -> None:
        """Change the configuration at the source."""
        self.s3.put(self.bucket, config(name))

    def leaders(self) -> list[int]:
        """The replicas that say they hold the lease."""
        return [
            index for index in self.processes if self.syncds[index].status().get("leader_election", {}).get("is_leader")
        ]

    def holder(self) -> int:
        """Wait for exactly one holder and return it."""
        return wait_for("one holder", lambda: [self.leaders()] if len(self.leaders()) == 1 else [])[0][0]

    def serving(self, index: int) -> str:
        """The model that the volume of ``index`` serves, empty for none."""
        # A reader resolves the link once, and then reads one tree.
        tree = (self.syncds[index].volume / "current").resolve()
        try:
            found = re.search(rb"model_name: (\S+)", (tree / "config.yaml").read_bytes())
        except FileNotFoundError:
            return ""
        return found[1].decode() if found else ""

    def wait_serving(self, name: str, *indices: int, seconds: float = 30) -> None:
        """Wait until the volumes of ``indices``, all running ones by default, serve ``name``."""
        for index in indices or tuple(self.processes):
            wait_for(
                f"replica {index} to serve {name}; {self.serving(index)}",
                lambda index=index: self.serving(index) == name,  # type: ignore[misc]  # mypy infers no lambda default
                seconds=seconds,
                every=0.02,
            )

    def sql(self, query: str) -> list[str]:
        """Ask the database."""
        return self.postgres.sql(query, database=self.database)

    def revisions(self) -> list[tuple[int, int, str]]:
        """Number, epoch and digest of every revision, oldest first."""
        rows = self.sql("SELECT number, epoch, digest FROM routeiq.revision ORDER BY lock_name, number")
        parted = [row.split("|") for row in rows]
        return [(int(number), int(epoch), digest) for number, epoch, digest in parted]

    def requests(self) -> int:
        """GETs of the configuration that the S3 server logged."""
        return len(self.answers())

    def answers(self, code: str = "") -> list[str]:
        """The lines of the S3 server's log on GETs of the configuration, answered with ``code``."""
        lines = self.s3.process.text().splitlines()
        asked = [line for line in lines if f"GET /{self.bucket}/config.yaml " in line]
        return [line for line in asked if line.rstrip(" -").endswith(code)]

    def status(self, index: int) -> dict[str, Any]:
        """The status of one replica."""
        return self.syncds[index].status()

    def log(self, index: int) -> list[dict[str, Any]]:
        """The events that one replica logged."""
        lines = self.syncds[index].log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextlib.contextmanager
def fleet(
    folder: Path, server: PostgresServer, s3: Server, name: str, settings: Mapping[str, str] | None = None
) -> Iterator[Fleet]:
    """Yield a fleet of nobody on a new database and bucket called ``name``; end every replica afterwards."""
    server.create_database(name)
    create_schema(server, name)
    bucket = s3.bucket(name)
    common = {
        "CONFIG_SOURCE": "s3",
        "S3_BUCKET_NAME": bucket,
        **s3.settings,
        "DATABASE_URL": server.url(name),
        "LLMROUTER_CONFIG_SYNC_LEASE_SECONDS": str(LEASE),
        "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS": str(RENEW),
        "LOG_FORMAT": "json",
        **(settings or {}),
    }
    with contextlib.ExitStack() as stack:
        yield Fleet(folder, server, name, s3, bucket, common, stack)
    server.drop_database(name)
