"""A gateway whose LiteLLM works on a real PostgreSQL."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support import litellm_database as database
from tests.support.gateway import Gateway, config_with, gateway
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.tcp_proxy import Proxy, proxying

CONNECTIONS = 3
"""The most connections that a worker has to its database."""


@dataclass
class WithDatabase:
    """A gateway whose LiteLLM works on a database of its own.

    Attributes:
        gateway: the gateway.
        server: the server of its database.
        proxy: stands between the two.
        url: leads to the database through the proxy.
    """

    gateway: Gateway
    server: PostgresServer
    proxy: Proxy
    url: str

    def migrate(self) -> None:
        """Bring the database to LiteLLM's schema."""
        database.migrate(self.url)

    def tables(self) -> list[str]:
        """The names of LiteLLM's tables in the database."""
        statement = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'LiteLLM%'"
        return self.server.sql(statement, database="litellm")

    def key(self) -> str:
        """Make a virtual key."""
        response = self.gateway.post("/key/generate", {"models": ["demo"]})
        response.raise_for_status()
        return str(response.json()["key"])

    def backends(self) -> int:
        """How many connections there are to the database."""
        return int(self.server.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'litellm'")[0])

    def billed(self) -> int:
        """How many completions LiteLLM has written to its spend logs."""
        rows = self.server.sql(
            "SELECT count(*) FROM \"LiteLLM_SpendLogs\" WHERE call_type = 'acompletion'", database="litellm"
        )
        return int(rows[0])

    def budget_resets(self) -> list[str]:
        """When the budgets of the virtual keys that have one are reset next."""
        statement = 'SELECT budget_reset_at FROM "LiteLLM_VerificationToken" WHERE budget_duration IS NOT NULL'
        return self.server.sql(statement, database="litellm")

    def engines(self) -> int:
        """How many query engines run."""
        return len(database.engines(self.url))


@contextlib.contextmanager
def with_database(
    folder: Path, *, config: str = "", up: bool = True, migrated: bool = True, **settings: str
) -> Iterator[WithDatabase]:
    """Run a gateway with two workers on a database of its own.

    Args:
        folder: where its files go.
        config: what it serves first.
        up: whether the server runs when the gateway starts; else the gateway is not waited for.
        migrated: whether the database is at LiteLLM's schema by then; else the gateway is not waited for.
        settings: variables of the gateway.
    """
    with running_postgres() as server, proxying(server.port) as proxy:
        url = server.create_database("litellm").replace(f":{server.port}/", f":{proxy.port}/")
        url += f"?connection_limit={CONNECTIONS}"
        if migrated:
            database.migrate(url)
        if not up:
            server.stop()
        with gateway(
            folder, port=None, scripts=database.SCRIPTS, **{**database.database_settings(url), **settings}
        ) as running:
            running.volume.put(config or config_with("answer 0"))
            if up and migrated:
                running.wait_ready()
            yield WithDatabase(running, server, proxy, url)
