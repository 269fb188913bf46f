"""Every way a URL can ask for TLS, against a server that has it turned on and one that has not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.migrate import BAD_SETTINGS, BEHIND, UNREACHABLE, migrate
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

    def connects(
        self, query: str, *, user: str = "secure", host: str = "127.0.0.1", database: str = "postgres"
    ) -> bool:
        """Whether a session comes about; if not, for a reason of TLS or of the server's, never for another."""
        url = self.server.url(database, user=user, password="pw", query=query).replace("127.0.0.1", host)
        done = migrate("status", url=url)
        assert done.returncode in (BEHIND, UNREACHABLE), done.stderr
        return done.returncode == BEHIND


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server whose certificate is issued for the name localhost only."""
    folder = tmp_path_factory.mktemp("tls")
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


def test_prismas_parameters(secured: Secured) -> None:
    """Prisma's dialect: ``sslcert`` is the authority, and only ``sslaccept=strict`` verifies, chain and host."""
    ca, stranger = secured.authority, secured.stranger
    assert secured.connects("")
    assert secured.connects("sslmode=prefer")
    assert secured.connects("sslmode=require")
    assert secured.connects("sslmode=require&sslaccept=accept_invalid_certs")
    assert secured.connects(f"sslmode=require&sslcert={stranger}"), "an authority that Prisma does not check"
    assert secured.connects(f"sslmode=require&sslaccept=strict&sslcert={ca}", host="localhost")
    assert not secured.connects(f"sslmode=require&sslaccept=strict&sslcert={stranger}", host="localhost")
    assert not secured.connects(f"sslmode=require&sslaccept=strict&sslcert={ca}"), "issued for another name"
    assert not secured.connects("sslmode=require&sslaccept=strict", host="localhost"), "unknown to the machine"
    assert not secured.connects(f"sslaccept=strict&sslcert={stranger}", host="localhost"), "prefer does not weaken it"


def test_libpqs_parameters(secured: Secured) -> None:
    """Libpq's dialect: verify-ca checks the chain, verify-full the host too, require with an authority the chain."""
    ca, stranger = secured.authority, secured.stranger
    assert secured.connects(f"sslmode=verify-full&sslrootcert={ca}", host="localhost")
    assert not secured.connects(f"sslmode=verify-full&sslrootcert={ca}")
    assert secured.connects(f"sslmode=verify-ca&sslrootcert={ca}")
    assert not secured.connects(f"sslmode=verify-ca&sslrootcert={stranger}")
    assert secured.connects(f"sslmode=require&sslrootcert={ca}")
    assert not secured.connects(f"sslmode=require&sslrootcert={stranger}")
    assert not secured.connects("sslmode=verify-full&sslrootcert=system", host="localhost")


def test_plain_text_only_where_it_is_allowed(secured: Secured) -> None:
    """``disable`` never encrypts, ``require`` always does, ``prefer`` does what pg_hba.conf lets in."""
    assert not secured.connects("sslmode=disable")
    assert secured.connects("sslmode=disable", user="plain")
    assert secured.connects("sslmode=prefer", user="plain")
    assert not secured.connects("sslmode=require", user="plain")


def test_a_client_certificate(secured: Secured) -> None:
    """With ``sslkey`` beside it ``sslcert`` is the client's: it lets a user in without a password."""
    query = f"sslmode=require&sslcert={secured.certificate}&sslkey={secured.key}"
    assert secured.connects(query, user="certuser", database="certonly")
    full = f"sslmode=verify-full&sslrootcert={secured.authority}&sslcert={secured.certificate}&sslkey={secured.key}"
    assert secured.connects(full, user="certuser", database="certonly", host="localhost")
    assert not secured.connects("sslmode=require", user="certuser", database="certonly")


def test_a_client_key_with_a_pass_phrase(secured: Secured, tmp_path: Path) -> None:
    """``sslpassword`` opens the key; a wrong or missing one is an error that does not print it, and asks nobody."""
    phrase = "corréct horse&battery"
    key = load_pem_private_key(secured.key.read_bytes(), None)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(phrase.encode()))
    )
    query = f"sslmode=require&sslcert={secured.certificate}&sslkey={encrypted}"
    right = f"{query}&sslpassword={quote(phrase)}"
    assert secured.connects(right, user="certuser", database="certonly")
    for wrong in (query, f"{query}&sslpassword=hidden-phrase"):
        done = migrate("status", url=secured.server.url("certonly", user="certuser", query=wrong))
        assert done.returncode == UNREACHABLE
        assert "pass phrase" in done.stderr
        assert "hidden-phrase" not in done.stderr


def test_files_that_cannot_be_read_are_named(secured: Secured, tmp_path: Path) -> None:
    """A missing or broken file: exit 3, its path named."""
    for path in (tmp_path / "missing.pem", tmp_path / "broken.pem"):
        (tmp_path / "broken.pem").write_text("no certificate")
        done = migrate("status", url=secured.server.url(query=f"sslmode=verify-full&sslrootcert={path}"))
        assert done.returncode == UNREACHABLE
        assert str(path) in done.stderr


def test_a_server_without_tls(server: PostgresServer) -> None:
    """``prefer`` goes on in plain text; ``require`` and everything stricter does not."""
    assert migrate("status", url=server.url(query="sslmode=prefer")).returncode == BEHIND
    for query in ("sslmode=require", "sslaccept=strict", "sslmode=verify-full"):
        done = migrate("status", url=server.url(query=query))
        assert done.returncode == UNREACHABLE
        assert "offers no TLS" in done.stderr


def test_what_cannot_be_translated_is_refused(server: PostgresServer) -> None:
    """A PKCS #12 identity, a key without certificate and an unknown mode are bad settings, not silent downgrades."""
    for query in ("sslidentity=x.p12", "sslkey=k.pem", "sslmode=sometimes"):
        done = migrate("status", url=server.url(query=query))
        assert done.returncode == BAD_SETTINGS
        assert query.split("=")[0] in done.stderr
