"""A PostgreSQL that has TLS turned on, and the files of everybody who takes part."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.support.postgres import PostgresServer, running_postgres

HBA = [
    "host    all      postgres 127.0.0.1/32 scram-sha-256",
    "hostssl certonly all      127.0.0.1/32 cert",
    "hostssl all      secure   127.0.0.1/32 scram-sha-256",
    "hostnossl all    plain    127.0.0.1/32 scram-sha-256",
]


@dataclass(frozen=True)
class Secured:
    """A server with TLS and the paths of what verifies it."""

    server: PostgresServer
    authority: Path
    stranger: Path
    certificate: Path
    key: Path

    def url(self, database: str, *, user: str, query: str, host: str = "127.0.0.1") -> str:
        """Return a URL as an operator would write it."""
        return self.server.url(database, user=user, password="pw", query=query).replace("127.0.0.1", host)


@contextlib.contextmanager
def running_secured(folder: Path) -> Iterator[Secured]:
    """Run a server whose certificate is issued for the name localhost only; ``folder`` gets what verifies it."""
    authority, stranger = trustme.CA(), trustme.CA()
    server_certificate = authority.issue_cert("localhost")
    client = authority.issue_cert("client@example.org", common_name="certuser")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    client.cert_chain_pems[0].write_to_path(folder / "client.pem")
    client.private_key_pem.write_to_path(folder / "client.key")
    files = {
        "server.crt": server_certificate.cert_chain_pems[0].bytes().decode(),
        "server.key": server_certificate.private_key_pem.bytes().decode(),
        "ca.crt": authority.cert_pem.bytes().decode(),
    }
    settings = {"ssl": "on", "ssl_ca_file": "ca.crt"}
    with running_postgres(settings=settings, files=files, hba=HBA, tls=True) as server:
        server.sql(
            "CREATE ROLE secure LOGIN PASSWORD 'pw'; CREATE ROLE plain LOGIN PASSWORD 'pw'; CREATE ROLE certuser LOGIN"
        )
        server.create_database("certonly")
        yield Secured(server, folder / "ca.pem", folder / "stranger.pem", folder / "client.pem", folder / "client.key")
