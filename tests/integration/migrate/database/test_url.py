"""What the parameters of a database URL do at a real server."""

import asyncio

import pytest

from routeiq_migrate.database.session import close, open_session
from routeiq_migrate.database.url import parse_url
from tests.support.migrate import BAD_SETTINGS, DONE, migrate
from tests.support.postgres import PostgresServer, visiting_url


def test_parameters_go_before_what_stands_ahead_of_them(server: PostgresServer, database: str) -> None:
    """User, password, port, database, role and name of the session are those of the parameters."""
    url = visiting_url(server, database)

    async def story() -> tuple[object, ...]:
        session = await open_session(parse_url(url), 10)
        asked = "SELECT session_user, current_user, current_database(), current_setting('application_name')"
        found = await session.connection.fetchrow(asked)
        await close(session.connection)
        return tuple(found or ())

    assert asyncio.run(story()) == ("visitor", "keeper", database, "a visit")


def test_a_role_of_the_url_owns_what_up_makes(server: PostgresServer, database: str) -> None:
    """``options=-c role=…`` holds for the whole run: the user may not create, the role may, and owns every table."""
    url = visiting_url(server, database)
    server.sql(f'ALTER DATABASE "{database}" OWNER TO keeper')
    server.sql("GRANT ALL ON SCHEMA public TO keeper", database=database)
    done = migrate("up", url=url)
    assert done.returncode == DONE, done.stderr
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname IN ('public', 'routeiq')"
    assert server.sql(owners, database=database) == ["keeper"]


@pytest.mark.parametrize("url", ["postgresql://pg-a,pg-b/d", "postgresql:///d?host=a,b", "postgresql://h/d?port=1,2"])
def test_several_hosts_are_refused_at_once(url: str) -> None:
    """No host is looked up, and nobody waits for a name that is a list."""
    done = migrate("up", url=url)
    assert done.returncode == BAD_SETTINGS
    assert "DATABASE_URL names several hosts or ports; expected one, the writer's." in done.stderr
