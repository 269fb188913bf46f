from collections.abc import Iterator

import pytest

from tests.support.postgres import PostgresServer


@pytest.fixture
def role(server: PostgresServer, database: str) -> Iterator[str]:
    """The name, and password, of a role that may log in and nothing more."""
    name = f"r_{database}"
    server.sql(f"CREATE ROLE {name} LOGIN PASSWORD 'pw-{name}'")
    yield name
    for one in (name, f"{name}_owner"):
        server.sql(f'ALTER DATABASE "{database}" OWNER TO postgres')
        server.sql(
            f"DO $$ BEGIN IF to_regrole('{one}') IS NOT NULL THEN DROP OWNED BY {one}; DROP ROLE {one}; END IF; END $$",
            database=database,
        )
