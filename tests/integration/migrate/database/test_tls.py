"""Every way a URL can ask for TLS, against a server that has it turned on and one that has not."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.migrate import BAD_SETTINGS, BEHIND, UNREACHABLE, migrate
from tests.support.postgres import PostgresServer
from tests.support.secured import Secured, running_secured


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A server with TLS."""
    with running_secured(tmp_path_factory.mktemp("tls")) as running:
        yield running


def connects(
    secured: Secured, query: str, *, user: str = "secure", host: str = "127.0.0.1", database: str = "postgres"
) -> bool:
    """Whether a session comes about; if not, for a reason of TLS or of the server's, never for another."""
    done = migrate("status", url=secured.url(database, user=user, query=query, host=host))
    assert done.returncode in (BEHIND, UNREACHABLE), done.stderr
    return done.returncode == BEHIND


def test_prismas_parameters(secured: Secured) -> None:
    """Prisma's dialect: ``sslcert`` is the authority, and only ``sslaccept=strict`` verifies, chain and host."""
    ca, stranger = secured.authority, secured.stranger
    assert connects(secured, "")
    assert connects(secured, "sslmode=prefer")
    assert connects(secured, "sslmode=require")
    assert connects(secured, "sslmode=require&sslaccept=accept_invalid_certs")
    assert connects(secured, f"sslmode=require&sslcert={stranger}"), "an authority that Prisma does not check"
    assert connects(secured, f"sslmode=require&sslaccept=strict&sslcert={ca}", host="localhost")
    assert not connects(secured, f"sslmode=require&sslaccept=strict&sslcert={stranger}", host="localhost")
    assert not connects(secured, f"sslmode=require&sslaccept=strict&sslcert={ca}"), "issued for another name"
    assert not connects(secured, "sslmode=require&sslaccept=strict", host="localhost"), "unknown to the machine"
    assert not connects(secured, f"sslaccept=strict&sslcert={stranger}", host="localhost"), "prefer does not weaken it"


def test_libpqs_parameters(secured: Secured) -> None:
    """Libpq's dialect: verify-ca checks the chain, verify-full the host too, require with an authority the chain."""
    ca, stranger = secured.authority, secured.stranger
    assert connects(secured, f"sslmode=verify-full&sslrootcert={ca}", host="localhost")
    assert not connects(secured, f"sslmode=verify-full&sslrootcert={ca}")
    assert connects(secured, f"sslmode=verify-ca&sslrootcert={ca}")
    assert not connects(secured, f"sslmode=verify-ca&sslrootcert={stranger}")
    assert connects(secured, f"sslmode=require&sslrootcert={ca}")
    assert not connects(secured, f"sslmode=require&sslrootcert={stranger}")
    assert not connects(secured, "sslmode=verify-full&sslrootcert=system", host="localhost")


def test_plain_text_only_where_it_is_allowed(secured: Secured) -> None:
    """``disable`` never encrypts, ``require`` always does, ``prefer`` does what pg_hba.conf lets in."""
    assert not connects(secured, "sslmode=disable")
    assert connects(secured, "sslmode=disable", user="plain")
    assert connects(secured, "sslmode=prefer", user="plain")
    assert not connects(secured, "sslmode=require", user="plain")


def test_a_client_certificate(secured: Secured) -> None:
    """With ``sslkey`` beside it ``sslcert`` is the client's: it lets a user in without a password."""
    query = f"sslmode=require&sslcert={secured.certificate}&sslkey={secured.key}"
    assert connects(secured, query, user="certuser", database="certonly")
    full = f"sslmode=verify-full&sslrootcert={secured.authority}&sslcert={secured.certificate}&sslkey={secured.key}"
    assert connects(secured, full, user="certuser", database="certonly", host="localhost")
    assert not connects(secured, "sslmode=require", user="certuser", database="certonly")


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
    assert connects(secured, right, user="certuser", database="certonly")
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
        assert f"DATABASE_URL names what cannot be used: the authority {path} (sslrootcert" in done.stderr


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
