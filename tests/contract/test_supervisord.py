import configparser

from routeiq_gateway.settings import LONGEST_DRAIN, Settings
from tests.support.processes import REPOSITORY


def program(name: str) -> configparser.SectionProxy:
    """Return the section of one program."""
    parsed = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=None)
    parsed.read(REPOSITORY / "supervisord.conf")
    return parsed[f"program:{name}"]


def test_supervisord_waits_longer_than_the_longest_stop() -> None:
    """No setting that the gateway takes makes supervisord cut a stream that the drain would let end."""
    [longest_prestop] = [int(rule.le) for rule in Settings.model_fields["prestop"].metadata if hasattr(rule, "le")]
    assert int(program("gateway")["stopwaitsecs"]) > LONGEST_DRAIN + longest_prestop


def test_the_gateway_is_stopped_first() -> None:
    """Stops come in the reverse order of priorities: syncd still answers while the gateway drains."""
    assert int(program("syncd")["priority"]) < int(program("gateway")["priority"])


def test_the_gateway_starts_on_a_migrated_database() -> None:
    """Workers wait for the database's schema, unless told otherwise, and LiteLLM's import for nothing."""
    assert "ROUTEIQ_WAIT_FOR_SCHEMA=${ROUTEIQ_WAIT_FOR_SCHEMA:-true} exec" in program("gateway")["command"]
    assert program("migrate")["startsecs"] == "0"
