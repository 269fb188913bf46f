"""Settings that cannot work, corrected as their messages say, are taken: nothing more has to be known."""

from pathlib import Path

import pytest

from routeiq_migrate.errors import RefusedError, SettingsError
from routeiq_migrate.scripts import check_provider
from routeiq_migrate.settings import read

URL = "postgresql://u:p@h:5432/d"


@pytest.mark.parametrize(
    ("wrong", "words", "right"),
    [
        ({"DATABASE_URL": "mysql://h/d"}, "must be a URL that starts with postgresql://", {"DATABASE_URL": URL}),
        (
            {"DATABASE_URL": "postgresql://u:a#b/c?d@h/d"},
            "(@ as %40, # as %23, / as %2F, ? as %3F)",
            {"DATABASE_URL": "postgresql://u:a%23b%2Fc%3Fd@h/d"},
        ),
        (
            {"DATABASE_URL": f"{URL}?schema={'s' * 64}"},
            "schema of more than 63 bytes, which PostgreSQL cuts. Shorten",
            {"DATABASE_URL": f"{URL}?schema={'s' * 63}"},
        ),
        (
            {"DATABASE_URL": f"{URL}?connect_timeout=5s"},
            "whole number of seconds. Give one; 0 is no limit",
            {"DATABASE_URL": f"{URL}?connect_timeout=0"},
        ),
        ({"DATABASE_URL": "postgresql://h/%ff"}, "Encode it from UTF-8", {"DATABASE_URL": "postgresql://h/%C3%BF"}),
        ({"DATABASE_URL": "postgresql://a,b/d"}, "Name that one", {"DATABASE_URL": "postgresql://b/d"}),
        (
            {"DATABASE_URL": "postgresql://u:pass/word:6@h:5432/d"},
            "percent-encode",
            {"DATABASE_URL": "postgresql://u:pass%2Fword%3A6@h:5432/d"},
        ),
        ({"DATABASE_URL": "postgresql://::1:5/d"}, "in brackets", {"DATABASE_URL": "postgresql://[::1]:5/d"}),
        ({"DATABASE_URL": f"{URL}?sslmode=always"}, "Give one of these", {"DATABASE_URL": f"{URL}?sslmode=require"}),
        (
            {"DATABASE_URL": f"{URL}?schema"},
            "no NAME=VALUE. Percent-encode ? as %3F and & as %26",
            {"DATABASE_URL": f"{URL}?schema=x%26y%3F"},
        ),
        ({"DATABASE_URL": f"{URL}?hostaddr=::1"}, "in place of the host", {"DATABASE_URL": "postgresql://[::1]/d"}),
        ({"DATABASE_URL": f"{URL}?service=x"}, "into the URL", {"DATABASE_URL": URL}),
        (
            {"DATABASE_URL": f"{URL}?sslidentity=x"},
            "give sslcert, sslkey and sslrootcert (PEM)",
            {"DATABASE_URL": f"{URL}?sslcert=c&sslkey=k&sslrootcert=a"},
        ),
        (
            {"DATABASE_URL": f"{URL}?sslkey=k"},
            "Give both, or neither",
            {"DATABASE_URL": f"{URL}?sslkey=k&sslcert=c"},
        ),
        ({"LOG_LEVEL": "loud"}, "must be one of DEBUG, INFO", {"LOG_LEVEL": "INFO"}),
        ({"LOG_FORMAT": "xml"}, "must be json or console", {"LOG_FORMAT": "json"}),
        ({"DISABLE_SCHEMA_UPDATE": "maybe"}, "must be true or false", {"DISABLE_SCHEMA_UPDATE": "true"}),
        (
            {"LITELLM_MIGRATION_LOCK_TIMEOUT": "-1"},
            "must be a number: seconds, 0 or more",
            {"LITELLM_MIGRATION_LOCK_TIMEOUT": "0"},
        ),
        (
            {"LLMROUTER_OTEL_SAMPLE_RATE": "2"},
            "must be a number: a share from 0 to 1",
            {"LLMROUTER_OTEL_SAMPLE_RATE": "1"},
        ),
        ({"ROUTEIQ_LARGE_TABLE_MB": "big"}, "must be a number: megabytes, 0 or more", {"ROUTEIQ_LARGE_TABLE_MB": "0"}),
    ],
)
def test_a_setting_corrected_as_told_is_taken(wrong: dict[str, str], words: str, right: dict[str, str]) -> None:
    """The message says what was expected; given that, the settings can be read."""
    with pytest.raises(SettingsError) as refused:
        read(wrong)
    assert words in str(refused.value)
    assert next(iter(wrong)) in str(refused.value)
    read(right)


def test_a_provider_that_is_corrected_is_taken(tmp_path: Path) -> None:
    """Prisma's P3019: with the provider that the message expects the migrations are read."""
    lock = tmp_path / "migration_lock.toml"
    lock.write_text('provider = "mysql"')
    with pytest.raises(RefusedError, match="expected 'postgresql'"):
        check_provider(lock)
    lock.write_text('provider = "postgresql"')
    check_provider(lock)
