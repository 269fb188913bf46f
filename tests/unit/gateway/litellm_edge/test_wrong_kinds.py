"""Values of any kind in any setting: the checks judge them, and name the setting and its line."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from routeiq_gateway.configuration.redact import secrets_of
from routeiq_gateway.configuration.references import examine_references
from routeiq_gateway.configuration.telling.lines import find_lines
from routeiq_gateway.configuration.telling.naming import Naming
from routeiq_gateway.litellm_edge import callbacks, checks
from routeiq_gateway.litellm_edge.sections import examine_sections, misfits
from tests.support.wrong_kinds import LEAVES, NAMES, configurations

ROUNDS = 300


@settings(max_examples=ROUNDS, deadline=None, print_blob=True)
@given(configurations())
def test_no_check_fails_on_any_value_and_each_reason_has_its_line(config: dict[str, Any]) -> None:
    """What the checks say before LiteLLM starts begins with file and line, whatever stands in the sections."""
    text = yaml.safe_dump(config, sort_keys=False).encode()
    naming = Naming("broken.yaml", ("/nowhere",), find_lines("broken.yaml", {"broken.yaml": text}.get))
    loaded = yaml.safe_load(text)
    secrets_of(loaded, {})
    checks.keep_models(loaded, lambda _entry: True)
    checks.mock_model(loaded)
    found, judged = examine_references(loaded, {}), examine_sections(loaded, {})
    for sentence in (
        *found.errors,
        *found.warnings,
        *judged.errors,
        *judged.warnings,
        *callbacks.refused_names(loaded),
        *misfits(loaded),
    ):
        file, line, _ = naming.tell(sentence).split(":", 2)
        assert file == "broken.yaml", sentence
        assert 0 < int(line) <= text.count(b"\n") + 1


@settings(max_examples=ROUNDS, deadline=None, print_blob=True)
@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner)))
def test_lines_are_found_in_any_document(value: Any) -> None:
    """A document of any shape has its lines, or none, and nothing fails."""
    text = yaml.safe_dump(value).encode()
    for place in find_lines("a.yaml", {"a.yaml": text}.get).values():
        assert 0 < int(place.removeprefix("a.yaml:")) <= text.count(b"\n") + 1


def test_a_kind_that_pydantic_doubts_is_judged_without_a_word(recwarn: pytest.WarningsRecorder) -> None:
    """What pydantic thinks of LiteLLM's annotations reaches no worker's output."""
    misfits({"router_settings": dict.fromkeys(NAMES["router_settings"], 3)})
    assert not [str(warning.message) for warning in recwarn.list if warning.category is UserWarning]
