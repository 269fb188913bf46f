"""A fleet on one database and one bucket."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fleet import Fleet, fleet
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.s3 import Server

NAMES = itertools.count()


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """One server for all of these tests."""
    with running_postgres(settings={"max_connections": "60"}) as started:
        yield started


@pytest.fixture
def replicas(tmp_path: Path, server: PostgresServer, s3: Server) -> Iterator[Fleet]:
    """A fleet of nobody yet, on a database and a bucket of the test's own."""
    with fleet(tmp_path, server, s3, f"fleet{next(NAMES)}") as made:
        yield made
