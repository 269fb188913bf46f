from collections.abc import Callable, Iterator

import pytest

from tests.support.migrate import LATE, apply_with_psql, shipped_scripts
from tests.support.postgres import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    """One server for all of these tests. Autovacuum would take transaction ids, of which one test counts each."""
    with running_postgres(settings={"max_connections": "60", "autovacuum": "off"}) as running:
        yield running


@pytest.fixture
def database(server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of an empty database of the test's own."""
    name = f"t{abs(hash(request.node.nodeid)):x}"
    server.create_database(name)
    yield name
    server.drop_database(name)


@pytest.fixture
def late(server: PostgresServer, database: str, history: Callable[[int], str]) -> str:
    """The name of a database with the first ``LATE`` migrations."""
    server.drop_database(database)
    server.create_database(database, template=history(LATE))
    return database


@pytest.fixture
def whole(server: PostgresServer, database: str, history: Callable[[int], str]) -> str:
    """The name of a database with all migrations and none of the indexes beside them."""
    server.drop_database(database)
    server.create_database(database, template=history(len(shipped_scripts())))
    return database


@pytest.fixture(scope="session")
def history(server: PostgresServer) -> Callable[[int], str]:
    """Return a template database that holds the first so many migrations, applied and recorded by ``psql``."""
    made: dict[int, str] = {}

    def template(count: int) -> str:
        if count not in made:
            made[count] = f"history_{count}"
            server.create_database(made[count])
            apply_with_psql(server, made[count], shipped_scripts()[:count], indexes=False)
        return made[count]

    return template
