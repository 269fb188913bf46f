"""All that stands around supervised replicas: PostgreSQL with a standby, S3, a provider, proxies and clients."""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import litellm_database
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.processes import clean_environment, running
from tests.support.s3 import Server
from tests.support.stack import from_s3
from tests.support.standby import running_standby
from tests.support.supervised.clients import Client
from tests.support.supervised.hands import SupervisedHands
from tests.support.supervised.recorder import SupervisedRecorder
from tests.support.supervised.replicas import Replicas
from tests.support.tcp_proxy import proxying
from tests.support.upstream import Upstream, upstream
from tests.support.waiting import wait_for

SIZE = 3
LEASE = 3.0
CHUNKS = 6
MIGRATORS = 3
SETTINGS = {
    "ROUTEIQ_WORKERS": "1",
    "LLMROUTER_CONFIG_SYNC_LEASE_SECONDS": str(LEASE),
    "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS": "1",
    "CONFIG_SYNC_INTERVAL": "0.5",
}


@dataclass
class Servers:
    """The server that is in use, and the one that follows it; each ends when it is of no more use."""

    stack: contextlib.ExitStack
    lives: list[contextlib.ExitStack] = field(default_factory=list)

    def follow(self, primary: PostgresServer) -> PostgresServer:
        """Start a standby of ``primary``; a server before that is removed."""
        for life in self.lives[:-1]:
            life.close()
        life = self.stack.enter_context(contextlib.ExitStack())
        self.lives = [*self.lives[-1:], life]
        return life.enter_context(running_standby(primary))

    def primary(self) -> PostgresServer:
        """Start the first server."""
        life = self.stack.enter_context(contextlib.ExitStack())
        self.lives.append(life)
        return life.enter_context(running_postgres(settings={"max_connections": "150"}))


@contextlib.contextmanager
def world(folder: Path, s3: Server, *, spared: frozenset[int] = frozenset()) -> Iterator[SupervisedHands]:
    """Yield hands on replicas of which none runs yet, with LiteLLM's database; end everything afterwards."""
    with contextlib.ExitStack() as stack:
        servers = Servers(stack)
        server = servers.primary()
        provider = stack.enter_context(upstream(chunks=CHUNKS, pause=0.1))
        name = f"whole{secrets.token_hex(3)}"
        bucket = s3.bucket(name)
        url = server.create_database(name) + "?connection_limit=3"
        settings = {**SETTINGS, **from_s3(s3, bucket), **litellm_database.database_settings(url)}
        migrate_at_once(stack, folder, settings)
        lives = stack.enter_context(contextlib.ExitStack())
        replicas = Replicas(folder, server, name, s3, bucket, settings, lives, provider=provider.base)
        source = stack.enter_context(proxying(int(s3.endpoint.rpartition(":")[2])))
        settings["AWS_ENDPOINT_URL_S3"] = f"http://127.0.0.1:{source.port}"
        proxies = [stack.enter_context(proxying(server.port)) for _ in range(SIZE)]
        for index, proxy in enumerate(proxies):
            replicas.own[index] = {"DATABASE_URL": url.replace(f":{server.port}/", f":{proxy.port}/")}
        recorder = stack.enter_context(SupervisedRecorder(replicas, SIZE, look_seconds=0.05))
        replicas.recorder = recorder
        stack.callback(lives.close)  # before the recorder ends, which reads volumes
        standby = servers.follow(server)
        yield SupervisedHands(
            replicas,
            proxies,
            source,
            recorder,
            provider=provider,
            follow=servers.follow,
            standby=standby,
            spared=spared,
        )


def migrate_at_once(stack: contextlib.ExitStack, folder: Path, settings: dict[str, str]) -> None:
    """Run several migrators at once on an empty database; one of them is killed on the way, the others go on."""
    environment = clean_environment(**settings)
    command = [str(litellm_database.SCRIPTS / "routeiq-migrate"), "up"]
    migrators = [
        stack.enter_context(running(command, output=folder / f"migrate{number}.log", environment=environment))
        for number in range(MIGRATORS)
    ]
    wait_for("a first migration", lambda: any("migration" in one.text() for one in migrators), every=0.005)
    migrators[0].kill()
    for one in migrators[1:]:
        assert one.wait_for_exit(seconds=120) == 0, one.text()


@contextlib.contextmanager
def asked(hands: SupervisedHands, provider: Upstream) -> Iterator[list[Client]]:
    """Let two clients ask each replica meanwhile: one on a connection that it keeps, one on a new one each time."""
    clients = [
        Client(str(index), gateway.port, provider.base, provider.chunks, hands.recorder.note, fresh=fresh)
        for index, gateway in hands.whole.gateways.items()
        for fresh in (False, True)
    ]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stop()
        for client in clients:
            client.join()
