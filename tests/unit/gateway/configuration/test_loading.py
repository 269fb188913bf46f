"""The YAML of a configuration."""

import pytest

from routeiq_gateway.configuration.loading import BadRevisionError, load_config


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"just text", b"a: [", b"a: 'x", b"a: 2024-99-99", b"a: !!bool x", b"a: " + b"1" * 6000],
)
def test_a_config_that_is_no_mapping_is_refused(text: bytes) -> None:
    """A text that is not a mapping of sections is refused in a sentence."""
    with pytest.raises(BadRevisionError, match=r"config\.yaml"):
        load_config(text)


@pytest.mark.parametrize(
    "text", [b"a: !horse-battery", b"a: !horse-battery x", b"a: *horse-battery", b"%horse-battery"]
)
def test_what_is_no_yaml_is_not_quoted(text: bytes) -> None:
    """A password that is not quoted may be a tag or an alias to YAML; the message names the place only."""
    with pytest.raises(BadRevisionError, match=r"not YAML at line \d, column \d+: ") as caught:
        load_config(text)
    assert "horse" not in str(caught.value)
