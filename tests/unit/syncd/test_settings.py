"""Settings are refused at the door, in sentences that name the variable and quote no value."""

from pathlib import Path

import pytest

from routeiq_syncd.database.url import Encryption
from routeiq_syncd.lease import Timing
from routeiq_syncd.settings import BadSettingsError, read_limits, read_settings

LEASE = "LLMROUTER_CONFIG_SYNC_LEASE_SECONDS"
RENEW = "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS"
URL = "postgresql://u:s3cret@h/d"
PREFIXED = {"CONFIG_SOURCE": "s3", "S3_BUCKET_NAME": "bucket", "S3_CONFIG_PREFIX": "gateway/"}
NAMES = (
    "DIRECT_URL",
    LEASE,
    RENEW,
    "ROUTEIQ_VOLUME",
    "LITELLM_CONFIG_PATH",
    "S3_BUCKET_NAME",
    "DATABASE_URL",
    "LLMROUTER_HA_MODE",
    "SYNCD_ADDR",
)


@pytest.mark.parametrize(("mode", "warned"), [("single", True), ("leader_election", False)])
def test_what_only_a_fleet_can_refuse_is_not_ignored_in_silence(
    monkeypatch: pytest.MonkeyPatch, mode: str, *, warned: bool
) -> None:
    """ROUTEIQ_REFUSE_FOREIGN_SOURCE has no effect in single mode, and is said to have none."""
    for name, value in {
        "DATABASE_URL": URL,
        "LLMROUTER_HA_MODE": mode,
        "ROUTEIQ_REFUSE_FOREIGN_SOURCE": "TRUE",
    }.items():
        monkeypatch.setenv(name, value)
    settings = read_settings()
    assert any("ROUTEIQ_REFUSE_FOREIGN_SOURCE has no effect" in one for one in settings.warnings) is warned
    assert settings.election is None or settings.election.refuse_foreign


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"S3_CONFIG_PREFIX": "a/"}, "S3_CONFIG_PREFIX has no effect without CONFIG_SOURCE=s3 and S3_CONFIG_PREFIX"),
        ({"ROUTEIQ_ALLOW_PICKLE": "true"}, "ROUTEIQ_ALLOW_PICKLE has no effect without"),
        ({"CONFIG_SETTLE_SECONDS": "31"}, "CONFIG_SETTLE_SECONDS must be a number of seconds from 0.1 to 30."),
        ({"ROUTEIQ_MAX_FILES": "5001"}, "ROUTEIQ_MAX_FILES must be a whole number from 1 to 5000."),
        ({**PREFIXED, "S3_CONFIG_PREFIX": "/a"}, "S3_CONFIG_PREFIX must be a prefix such as gateway/"),
        ({**PREFIXED, "S3_CONFIG_KEY": "a"}, "S3_CONFIG_KEY and S3_CONFIG_PREFIX cannot both be set"),
        ({**PREFIXED, "LLMROUTER_MODEL_S3_KEY": "a"}, "must both be set, or neither"),
        ({"CONFIG_SOURCE": "gcs"}, "CONFIG_GCS_BUCKET must name the bucket"),
        ({"STORAGE_EMULATOR_HOST": "http://h/s3cret"}, "STORAGE_EMULATOR_HOST must be host:port or a URL"),
        ({"CONFIG_SOURCE": "ftp"}, "CONFIG_SOURCE must be 'file', 's3' or 'gcs'."),
        ({"CONFIG_SOURCE": "s3"}, "S3_BUCKET_NAME must name the bucket"),
        ({"S3_BUCKET_NAME": "a", "CONFIG_S3_BUCKET": "b"}, "S3_BUCKET_NAME and CONFIG_S3_BUCKET mean the same"),
        ({"S3_CONFIG_KEY": "a", "CONFIG_S3_KEY": "b"}, "S3_CONFIG_KEY and CONFIG_S3_KEY mean the same and differ"),
        ({"CONFIG_SYNC_INTERVAL": "0"}, "CONFIG_SYNC_INTERVAL must be a number of seconds above 0"),
        ({"CONFIG_SYNC_INTERVAL": "nan"}, "CONFIG_SYNC_INTERVAL must be a number of seconds above 0"),
        ({"CONFIG_SYNC_INTERVAL": "s3cret"}, "CONFIG_SYNC_INTERVAL must be a number of seconds above 0"),
        (
            {"ROUTEIQ_MAX_ROW_BYTES": "17000000"},
            "ROUTEIQ_MAX_ROW_BYTES must be a whole number of bytes from 0 to 16777",
        ),
        ({"ROUTEIQ_MAX_CONFIG_BYTES": "4M"}, "ROUTEIQ_MAX_CONFIG_BYTES must be a whole number of bytes"),
        ({"ROUTEIQ_REFUSE_FOREIGN_SOURCE": "yes"}, "ROUTEIQ_REFUSE_FOREIGN_SOURCE must be true or false."),
        ({"SYNCD_ADDR": "4001"}, "SYNCD_ADDR must be host:port"),
        ({"SYNCD_ADDR": "host:70000"}, "SYNCD_ADDR must be host:port"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL must be debug, info, warning or error."),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT must be json or console."),
        ({"ROUTEIQ_VOLUME": "/v/" + "x" * 120}, "ROUTEIQ_VOLUME is too long"),
        ({"ROUTEIQ_VOLUME": "/v", "LITELLM_CONFIG_PATH": "/v/c.yaml"}, "LITELLM_CONFIG_PATH must not lie in"),
        ({"LLMROUTER_HA_MODE": "both"}, "LLMROUTER_HA_MODE must be single or leader_election."),
        ({"LLMROUTER_HA_MODE": "leader_election"}, "DATABASE_URL must be set"),
        ({"LLMROUTER_HA_MODE": "leader_election", "DATABASE_URL": "s3cret"}, "DATABASE_URL must be a URL that starts"),
        ({"DATABASE_URL": URL, "DIRECT_URL": "s3cret"}, "DIRECT_URL must be a URL that starts"),
        ({"DATABASE_URL": "postgresql://u:s3cret/x@h/d"}, "percent-encode"),
        ({"DATABASE_URL": URL + "?sslmode=s3cret"}, "DATABASE_URL has an sslmode that is none of"),
        ({"DATABASE_URL": URL + "?connect_timeout=s3cret"}, "connect_timeout that is not a whole number"),
        ({"DATABASE_URL": URL, "ROUTEIQ_CONFIG_KEY": "s3cret"}, "ROUTEIQ_CONFIG_KEY must be one or more keys"),
        ({"DATABASE_URL": URL, LEASE: "0.5"}, f"{LEASE} must be from 1 to 3600 seconds"),
        ({"DATABASE_URL": URL, LEASE: "soon"}, f"{LEASE} must be a number of seconds."),
        ({"DATABASE_URL": URL, LEASE: "12"}, f"to half of {LEASE} (here 6 seconds)"),
        ({"DATABASE_URL": URL, RENEW: "0.01"}, f"{RENEW} must be from 0.1 to half of"),
        ({"DATABASE_URL": URL, "LLMROUTER_CONFIG_SYNC_LOCK_NAME": "x" * 201}, "LOCK_NAME must be a name of at most"),
    ],
)
def test_what_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], told: str) -> None:
    """One sentence each, with the variable's name and without its value."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettingsError) as refused:
        read_settings()
    assert any(told in sentence for sentence in refused.value.sentences)
    assert "s3cret" not in str(refused.value)


def test_the_aliases_work_and_empty_means_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """`CONFIG_S3_BUCKET` alone names the bucket; an empty variable takes the default."""
    monkeypatch.setenv("CONFIG_SOURCE", "S3")
    monkeypatch.setenv("CONFIG_S3_BUCKET", "bucket")
    monkeypatch.setenv("S3_CONFIG_KEY", "")
    monkeypatch.setenv("SYNCD_ADDR", "[::1]:4002")
    settings = read_settings()
    assert (settings.source, settings.bucket, settings.key) == ("s3", "bucket", "config.yaml")
    assert (settings.host, settings.port) == ("::1", 4002)


def test_a_path_of_exactly_the_systems_limit_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """107 bytes of socket path fit, 108 do not."""
    room = 107 - len("/" + "/syncd.sock")
    monkeypatch.setenv("ROUTEIQ_VOLUME", "/" + "x" * room)
    assert read_settings().volume == Path("/" + "x" * room)
    monkeypatch.setenv("ROUTEIQ_VOLUME", "/" + "x" * (room + 1))
    with pytest.raises(BadSettingsError):
        read_settings()


def test_a_database_without_a_mode_means_leader_election(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lengths and the name have the guide's defaults."""
    monkeypatch.setenv("DATABASE_URL", URL)
    settings = read_settings()
    assert settings.election is not None
    assert (settings.election.timing, settings.election.lock_name) == (Timing(30, 10), "config_sync")
    assert settings.warnings == ()
    assert "s3cret" not in repr(settings.election)


def test_single_asks_no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a database the mode is single, and so it is where it is asked for."""
    assert read_settings().election is None
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("LLMROUTER_HA_MODE", "single")
    assert read_settings().election is None


def test_the_direct_url_goes_first_and_prismas_parameters_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Prisma and LiteLLM write into a URL is translated or dropped."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:s3cret@pooler:6432/d?pgbouncer=true")
    settings = read_settings()
    assert settings.election is not None
    assert settings.election.target.pooled
    query = "schema=x&connection_limit=3&pool_timeout=1&sslaccept=strict&sslcert=/ca.pem&connect_timeout=7"
    monkeypatch.setenv("DIRECT_URL", f"postgres://us%40er:s%2Fcret@[::1]/d?{query}")
    settings = read_settings()
    assert settings.election is not None
    target = settings.election.target
    assert (target.host, target.port, target.user, target.password) == ("::1", 5432, "us@er", "s/cret")
    assert (target.pooled, target.connect_seconds) == (False, 7.0)
    assert (target.tls.encryption, target.tls.verify_host, target.tls.authority) == (
        Encryption.REQUIRED,
        True,
        "/ca.pem",
    )


@pytest.mark.parametrize(
    ("parameters", "verified"),
    [("sslaccept=accept_invalid_certs", False), ("sslaccept=Strict", True), ("sslmode=require", False), ("", False)],
)
def test_an_unknown_word_for_verification_verifies(
    monkeypatch: pytest.MonkeyPatch, parameters: str, *, verified: bool
) -> None:
    """A misspelt sslaccept is the careful one, as in Prisma and in routeiq-migrate."""
    monkeypatch.setenv("DATABASE_URL", f"postgresql://u:p@db/d?{parameters}")
    election = read_settings().election
    assert election is not None
    assert (election.target.tls.verify_host, election.target.tls.verify_chain) == (verified, verified)


def test_a_key_without_its_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a client certificate is named, not dropped."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@db/d?sslkey=/key.pem")
    with pytest.raises(BadSettingsError, match="sslkey without sslcert"):
        read_settings()


def test_secret_files_may_give_variables_that_syncd_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the gateway has secret files, which variables it has is not known here; else the environment tells."""
    monkeypatch.setenv("SOME_VARIABLE", "x")
    monkeypatch.delenv("ROUTEIQ_SECRETS_DIR", raising=False)
    assert "SOME_VARIABLE" in (read_settings().environment or ())
    assert "SOME_VARIABLE" in (read_limits()[2] or ())
    monkeypatch.setenv("ROUTEIQ_SECRETS_DIR", "/run/secrets")
    assert read_settings().environment is None
    assert read_limits()[2] is None


@pytest.mark.parametrize(("text", "prefix"), [("a", "a/"), ("a/b/", "a/b/"), ("/", "")])
def test_a_prefix_ends_in_one_slash(monkeypatch: pytest.MonkeyPatch, text: str, prefix: str) -> None:
    """Whether it was written with one or not; a slash alone is the whole bucket."""
    for name, value in {**PREFIXED, "S3_CONFIG_PREFIX": text}.items():
        monkeypatch.setenv(name, value)
    place = read_settings().prefix
    assert place is not None
    assert (place.bucket, place.prefix, place.allow_code, place.allow_pickle) == ("bucket", prefix, False, False)
