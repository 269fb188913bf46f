"""What a worker on trial tells becomes findings with places, in three forms."""

import json

import pytest

from routeiq_gateway.validation.report import Finding, as_json, as_sarif, as_text, finding_of


@pytest.mark.parametrize(
    ("sentence", "finding"),
    [
        ("config.yaml:12: model_list[0]: no", Finding("error", "a/config.yaml", 12, "model_list[0]: no")),
        ("below/more.yaml:3: x: no", Finding("error", "a/below/more.yaml", 3, "x: no")),
        ("config.yaml: not YAML", Finding("error", "a/config.yaml", None, "not YAML")),
        ("litellm_settings.callbacks: no", Finding("error", "a/config.yaml", None, "litellm_settings.callbacks: no")),
        ("no provider: 'x'", Finding("error", "a/config.yaml", None, "no provider: 'x'")),
    ],
)
def test_a_sentence_is_placed(sentence: str, finding: Finding) -> None:
    """Files are named as seen from where the command was called; what names no line is about the whole file."""
    assert finding_of("error", sentence, "a/config.yaml") == finding


FOUND = {
    "a.yaml": (Finding("error", "a.yaml", 2, "no"), Finding("warning", "more.yaml", None, "hm")),
    "b.yaml": (),
}


def test_the_three_forms_tell_the_same() -> None:
    """Text has a sum for each configuration; JSON and SARIF have level, file, line and message of each finding."""
    assert as_text(FOUND).splitlines() == [
        "error: a.yaml:2: no",
        "warning: more.yaml: hm",
        "a.yaml: refused, 1 errors, 1 warnings",
        "b.yaml: accepted, 0 errors, 0 warnings",
    ]
    document = json.loads(as_json(FOUND))
    assert document["verdict"] == "refused"
    assert [Finding(**finding) for finding in document["findings"]] == list(FOUND["a.yaml"])
    first, second = json.loads(as_sarif(FOUND, "1.0"))["runs"][0]["results"]
    place = first["locations"][0]["physicalLocation"]
    assert (first["level"], place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("error", "a.yaml", 2)
    assert "region" not in second["locations"][0]["physicalLocation"]
