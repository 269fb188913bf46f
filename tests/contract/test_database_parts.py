"""All three members take a database's parts for the same database, LiteLLM's."""

from urllib.parse import unquote, urlsplit

import pytest

from routeiq_migrate.database.parts import url_of_parts as of_migrate
from routeiq_migrate.settings import target_of
from routeiq_syncd.database.parts import url_of_parts as of_syncd
from routeiq_syncd.settings import Settings

PARTS = {
    "DATABASE_HOST": "db.internal",
    "DATABASE_USERNAME": "lite@llm",
    "DATABASE_PASSWORD": "p:a/s?s#w%rd é",
    "DATABASE_NAME": "keys/1",
}
MORE = [
    {},
    {"DATABASE_PORT": "6543"},
    {"DATABASE_HOST": "db.internal:6543"},
    {"DATABASE_SCHEMA": "lite"},
    {"DATABASE_SSLMODE": "require"},
    {"DATABASE_PASSWORD": ""},
    {"DATABASE_USERNAME": "", "DATABASE_USER": "other"},
]


@pytest.mark.parametrize("more", MORE)
def test_the_parts_give_one_database(more: dict[str, str]) -> None:
    """Migrate and syncd reach the same host as the same user, whatever characters the parts have."""
    environment = PARTS | more
    target = target_of(environment)
    election = Settings(environment).election
    assert target is not None
    assert election is not None
    assert election.target.setting == "DATABASE_HOST"
    found = election.target
    assert (target.host, target.port) == ("db.internal", 6543 if "6543" in str(more) else 5432)
    assert (target.user, target.password, target.database) == (
        more.get("DATABASE_USER") or PARTS["DATABASE_USERNAME"],
        environment["DATABASE_PASSWORD"],
        PARTS["DATABASE_NAME"],
    )
    assert (target.host, target.port, target.user) == (found.host, found.port, found.user)
    assert (target.password, target.database) == (found.password, found.database)
    assert target.schema == more.get("DATABASE_SCHEMA", "public")
    assert of_migrate(environment) == of_syncd(environment)


@pytest.mark.parametrize("missing", ["DATABASE_HOST", "DATABASE_USERNAME", "DATABASE_NAME"])
def test_parts_that_name_no_database_give_none(missing: str) -> None:
    """Without host, user or name there is no database, as in LiteLLM; a URL wins over the parts."""
    assert of_migrate(PARTS | {missing: ""}) == ""
    target = target_of(PARTS | {"DATABASE_URL": "postgresql://u@elsewhere/d"})
    assert target is not None
    assert target.host == "elsewhere"


def test_no_part_of_a_url_changes_another() -> None:
    """What a password holds stays in the password."""
    url = urlsplit(of_syncd(PARTS))
    assert (url.hostname, unquote(url.password or "")) == ("db.internal", PARTS["DATABASE_PASSWORD"])
