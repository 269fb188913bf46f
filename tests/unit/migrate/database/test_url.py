import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_migrate.database.url import Encryption, Tls, parse_url
from routeiq_migrate.errors import SettingsError
from routeiq_migrate.runtime.known_secrets import redact

APPLICATION = (("application_name", "x"), ("options", "-c a=b"))
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(user=TEXT, password=TEXT, database=TEXT)
def test_percent_encoded_parts_come_back_as_they_were(user: str, password: str, database: str) -> None:
    """Whatever characters user, password and database have, encoded they arrive unchanged."""
    url = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@h:1/{quote(database, safe='')}?schema=s"
    target = parse_url(url, setting="DATABASE_URL")
    assert (target.user, target.password, target.database, target.schema) == (user, password, database, "s")
    assert password in target.secrets
    assert "password" not in repr(target)


@given(password=st.text("abc#/?@:%&= ", min_size=6, max_size=20).filter(lambda text: text.strip()))
def test_an_unencoded_password_is_taken_as_it_is_or_refused_without_being_quoted(password: str) -> None:
    """No reading of a wrong URL prints any of it."""
    assert "SECRET" not in parsed_or_reason(f"postgresql://user:SECRET{password}@host:5432/db")


def parsed_or_reason(url: str) -> str:
    """Return why ``url`` is refused, with all that a traceback would show; empty when it is taken."""
    try:
        parse_url(url, setting="DATABASE_URL")
    except SettingsError as error:
        return "".join(traceback.format_exception(error))
    return ""


def test_defaults() -> None:
    """What a URL does not say is Prisma's default."""
    target = parse_url("postgres://h", setting="DATABASE_URL")
    assert (target.host, target.port, target.user, target.database, target.schema) == (
        *("h", 5432, "postgres", "postgres"),
        "public",
    )
    assert (target.connect_seconds, target.pooled, target.tls) == (5.0, False, Tls())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Tls(Encryption.PREFERRED)),
        ("sslmode=disable", Tls(Encryption.OFF)),
        ("sslmode=disable&sslaccept=strict", Tls(Encryption.OFF)),
        ("sslmode=require", Tls(Encryption.REQUIRED)),
        ("sslmode=require&sslaccept=accept_invalid_certs&sslcert=ca", Tls(Encryption.REQUIRED)),
        ("sslmode=prefer&sslaccept=strict", Tls(Encryption.REQUIRED, verify_chain=True, verify_host=True)),
        (
            "sslaccept=strict&sslcert=ca",
            Tls(Encryption.REQUIRED, verify_chain=True, verify_host=True, authority="ca"),
        ),
        (
            "sslmode=verify-full&sslrootcert=ca&sslcert=c&sslkey=k&sslpassword=p",
            Tls(Encryption.REQUIRED, True, True, "ca", "c", "k", "p"),
        ),
        ("sslmode=verify-ca&sslrootcert=ca", Tls(Encryption.REQUIRED, verify_chain=True, authority="ca")),
        ("sslmode=require&sslrootcert=ca", Tls(Encryption.REQUIRED, verify_chain=True, authority="ca")),
        ("sslmode=require&sslrootcert=system", Tls(Encryption.REQUIRED, verify_chain=True, verify_host=True)),
        ("sslmode=require&sslcert=c&sslkey=k", Tls(Encryption.REQUIRED, certificate="c", key="k")),
    ],
)
def test_tls_is_translated(query: str, expected: Tls) -> None:
    """Prisma's dialect and libpq's, each by its own meaning."""
    assert parse_url(f"postgresql://h/d?{query}", setting="DATABASE_URL").tls == expected


@pytest.mark.parametrize(
    ("query", "attribute", "expected"),
    [
        ("pgbouncer=true", "pooled", True),
        ("pgbouncer=false", "pooled", False),
        ("connect_timeout=0", "connect_seconds", None),
        ("connect_timeout=7", "connect_seconds", 7.0),
        ("schema=", "schema", "public"),
        ("host=/run/postgresql", "host", "/run/postgresql"),
        (
            "application_name=x&options=-c%20a%3Db",
            "server_settings",
            (("application_name", "x"), ("options", "-c a=b")),
        ),
        (
            "connection_limit=5&pool_timeout=2&socket_timeout=3&statement_cache_size=0&channel_binding=require",
            "unknown",
            (),
        ),
        ("fancy=1&other=2", "unknown", ("fancy", "other")),
    ],
)
def test_other_parameters(query: str, attribute: str, expected: object) -> None:
    """Each parameter is translated, dropped knowingly, or named as unknown; none reaches the server by accident."""
    assert getattr(parse_url(f"postgresql://h/d?{query}", setting="DATABASE_URL"), attribute) == expected


def test_an_address_of_version_six() -> None:
    """Brackets hold the colons of an IPv6 address."""
    assert parse_url("postgresql://u@[::1]:6/d", setting="X").host == "::1"
    assert parse_url("postgresql://u@[::1]:6/d", setting="X").port == 6


@pytest.mark.parametrize(
    "url",
    [
        "mysql://h/d",
        "prisma://accelerate",
        "nonsense",
        "postgresql://h:port/d",
        "postgresql://h:0/d",
        "postgresql://a,b:5432/d",
        "postgresql://h/d?connect_timeout=soon",
        "postgresql://h/d?sslmode=sometimes",
        "postgresql://h/d?sslidentity=x",
        "postgresql://h/d?sslkey=k",
        "postgresql://h/%ff",
        "postgresql://h/%00",
        f"postgresql://h/d?schema={'s' * 64}",
    ],
)
def test_what_cannot_work_is_refused_by_the_settings_name(url: str) -> None:
    """The message names the setting and says what to do."""
    with pytest.raises(SettingsError, match="DIRECT_URL"):
        parse_url(url, setting="DIRECT_URL")


def test_redaction_masks_the_longest_first() -> None:
    """A secret that contains another leaves no rest."""
    assert redact("xx abc ab", ("ab", "abc")) == "xx *** ***"
    assert redact("denied, n, superlongsecrets", ("n", "longsecret")) == "denied, ***, super***s"
