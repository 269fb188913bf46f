"""What a configuration must be: everything wrong at once, each with its line; nothing refused that LiteLLM uses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routeiq_syncd.configuration.bundle import make_bundle
from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.configuration.problem import reason_of
from routeiq_syncd.configuration.rules import Findings, validate
from routeiq_syncd.configuration.yaml_lines import YamlDocument, parse

GOOD = """\
model_list:
  - model_name: a
    litellm_params: {model: openai/a, rpm: 10, tpm: "100"}
"""


def check(text: str, *environment: str, kind: str = "file", **files: str) -> Findings:
    """Validate a configuration and its other files."""
    everything = {"config.yaml": text.encode()} | {name + ".yaml": body.encode() for name, body in files.items()}
    return validate(make_bundle(everything), kind=kind, environment=frozenset(environment))


def texts(findings: Findings) -> list[str]:
    """The errors as they are told."""
    return [problem.text() for problem in findings.errors]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "config.yaml: the file is empty"),
        ("# nothing\n", "config.yaml: the file is empty"),
        ("{}", "config.yaml: the file is empty"),
        ("[]", "config.yaml:1: the top level must be a mapping"),
        ("hello", "config.yaml:1: the top level must be a mapping"),
        ("model_list: {a: 1}", "config.yaml:1: 'model_list' must be a list"),
        ("general_settings: []", "config.yaml:1: 'general_settings' must be a mapping"),
        ("\nmodel_lists: []", "config.yaml:2: unknown section 'model_lists'; did you mean 'model_list'?"),
        ("model_list:\n  - a\n", "config.yaml:2: each model must be a mapping"),
        ("model_list:\n  - model_name: 1\n", "config.yaml:2: the model needs a model_name, as text"),
        ("model_list:\n  - model_name: a\n", "config.yaml:2: the model needs litellm_params"),
        (
            "model_list:\n  - model_name: a\n    litellm_params:\n      api_key: x\n",
            "config.yaml:3: litellm_params needs",
        ),
        (GOOD.replace("10", "many"), "config.yaml:3: 'rpm' must be a whole number"),
        (GOOD.replace("10", "1.5"), "config.yaml:3: 'rpm' must be a whole number"),
        ("a: 1\nb: 2\na: 3\n", "config.yaml:3: the key 'a' stands on line 1 already"),
        ("x: {a: 1, a: 2}\n", "config.yaml:1: the key 'a' stands on line 1 already"),
        ("a: [\n", "the YAML is broken"),
        ("a: !!python/object:os.system x\n", "config.yaml:1: the YAML is broken"),
        ("a: &a [*a]\n", "config.yaml:1: an alias refers to a value that contains it"),
        ("a: !!int hello\n", "config.yaml:1: the value is not of the type"),
        ("a: " + "1:" * 600 + "1\n", "config.yaml:1: the value is not of the type"),
        ("a: 2024-13-45\n", "config.yaml:1: the value is not of the type"),
        ("a: 1\n---\nb: 2\n", "the YAML is broken"),
        ("a: " + "[" * 200 + "]" * 200, "nests deeper than 100 levels"),
        ("a: \x01\n", "config.yaml:1: the file holds a character that YAML does not allow"),
        ("include: part.yaml\n", "config.yaml:1: 'include' must be a list of file paths"),
        ("include:\n  - 1\n", "config.yaml:2: each 'include' must be the path of a file"),
        (
            GOOD + "router_settings:\n  fallbacks:\n    - {a: [b]}\n",
            "config.yaml:6: the fallback 'b' is not in model_list",
        ),
        (
            GOOD + "litellm_settings:\n  default_fallbacks: [b]\n",
            "config.yaml:5: the fallback 'b' is not in model_list",
        ),
        (GOOD + "router_settings:\n  fallbacks: [a]\n", "each of 'fallbacks' must be a mapping with one key"),
    ],
)
def test_what_litellm_cannot_use_is_refused_with_its_line(text: str, told: str) -> None:
    """Each fault has a sentence and the line where it stands."""
    assert any(told in problem for problem in texts(check(text))), texts(check(text))


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "model_list: []\n",
        "model_list: null\ngeneral_settings:\n",
        "base: &base {timeout: 5}\nlitellm_settings:\n  <<: *base\n  timeout: 6\n",
        GOOD.replace("rpm: 10", "rpm: os.environ/RPM"),
        GOOD + "router_settings: {fallbacks: [{a: [a]}, {'*': [a]}]}\n",
        GOOD + "router_settings: {fallbacks: [{a: [{model: a, temperature: 0}]}]}\n",
        GOOD.replace("model_name: a", "model_name: openai/*") + "router_settings: {fallbacks: [{x: [openai/gpt]}]}\n",
        GOOD.replace("model_name: a", "model_name: '*'") + "litellm_settings: {fallbacks: [{x: [anything]}]}\n",
        GOOD + "router_settings: {model_group_alias: {b: a}, fallbacks: [{a: [b]}]}\n",
        GOOD + "general_settings: {store_model_in_db: true}\nrouter_settings: {fallbacks: [{a: [of-the-database]}]}\n",
        GOOD + "my_anchors: {x: 1}\n",
        "\ufeff" + GOOD,
    ],
)
def test_what_litellm_uses_is_taken(text: str) -> None:
    """No error for what works: merges, wildcards, aliases of model groups, models in a database, a BOM."""
    assert texts(check(text)) == []


def test_a_fallback_to_an_alias_of_requests_is_told_and_taken() -> None:
    """Stock serves the rest of such a configuration, and the fallback never works: a warning with the line."""
    text = (
        GOOD + "litellm_settings:\n  model_alias_map: {b: a}\n  fallbacks:\n    - {a: [b]}\n  default_fallbacks: [b]\n"
    )
    findings = check(text)
    assert texts(findings) == []
    assert [(problem.line, "'b' is an alias" in problem.message) for problem in findings.warnings] == [
        (7, True),
        (8, True),
    ]


def test_all_problems_come_at_once() -> None:
    """Three faults in three places are three errors."""
    text = "model_list:\n  - model_name: a\n  - 5\ngeneral_setings: {}\n"
    assert len(texts(check(text))) == 3


def test_an_alias_bomb_is_refused_quickly() -> None:
    """Nine levels of nine aliases would unfold to 387 million values."""
    levels = ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    levels += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    assert any("unfold to more than" in problem for problem in texts(check("\n".join(levels))))


def test_a_pattern_made_to_be_slow_is_not() -> None:
    """Forty stars against a name that almost fits take no time."""
    slow = GOOD.replace("model_name: a", f"model_name: '{'*a' * 40}'")
    text = slow + f"router_settings: {{fallbacks: [{{x: [{'a' * 200}b]}}]}}\n"
    assert any("is not in model_list" in problem for problem in texts(check(text)))


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [("a*", "a", True), ("*", "", True), ("a*a", "a", False), ("a*b*c", "axbxc", True), ("a*b*c", "acb", False)],
)
def test_patterns_fit_as_a_whole(pattern: str, name: str, *, fits: bool) -> None:
    """Start, middle and end must all be there, without overlap."""
    text = (
        GOOD.replace("model_name: a", f"model_name: '{pattern}'")
        + f"litellm_settings: {{default_fallbacks: ['{name}']}}\n"
    )
    assert (texts(check(text)) == []) == fits


def test_problems_never_quote_values() -> None:
    """A key pasted into the wrong place is not repeated."""
    for text in (
        "a: sk-secret: b\n",
        "model_list: sk-secret\n",
        "a: !!float sk-secret\n",
        "'sk-secret\n",
        "[sk-secret",
    ):
        assert "sk-secret" not in " ".join(texts(check(text))), text


def test_included_files_are_part_of_the_whole() -> None:
    """Their models count for fallbacks, their faults are told under their name, and a missing one is named."""
    text = "include: [models.yaml]\nrouter_settings: {fallbacks: [{a: [a]}]}\n"
    assert texts(check(text, models=GOOD)) == []
    assert texts(check(text, models="model_list: 1\n"))[0] == "models.yaml:1: 'model_list' must be a list (- item)"
    assert "the included file 'models.yaml' is not there" in texts(check(text))[0]
    assert "the source is a single object" in texts(check(text, kind="s3"))[0]


def test_includes_may_name_each_other() -> None:
    """LiteLLM reads each file once, so a circle is no fault."""
    assert texts(check("include: [a.yaml]\n", a="include: [b.yaml]\n", b="include: [a.yaml, config.yaml]\n")) == []


def test_absent_variables_are_warnings_with_their_line() -> None:
    """The gateway's environment decides; names that the configuration sets itself are not absent."""
    text = GOOD + "general_settings:\n  master_key: os.environ/KEY\n  x: os.environ/KNOWN\n  y: os.environ/SET\n"
    findings = check(text + "environment_variables: {SET: 1}\n", "KNOWN")
    assert [problem.text() for problem in findings.warnings] == [
        "config.yaml:5: the environment variable KEY is not set in syncd's environment"
    ]


def test_variables_of_secret_files_are_no_warning() -> None:
    """Where the gateway has secret files, which only it reads, nobody else knows what is absent."""
    bundle = make_bundle({"config.yaml": f"{GOOD}general_settings: {{master_key: os.environ/KEY}}\n".encode()})
    assert validate(bundle, kind="file", environment=None).warnings == ()
    assert len(validate(bundle, kind="file", environment=frozenset()).warnings) == 1


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_parser(data: bytes) -> None:
    """Whatever the object holds, the answer is a document or problems."""
    found = parse("config.yaml", data)
    assert isinstance(found, YamlDocument) or found
    validate(make_bundle({"config.yaml": data}), kind="s3", environment=frozenset())


yaml_like = st.lists(
    st.sampled_from([*"ab:[]{}&*!-\n ,'\"|>?#%@`01.~<", "\n  ", "- ", ": ", "!!int ", "<<: ", "*a", "&a ", "---\n"]),
    max_size=40,
).map("".join)


@given(yaml_like)
@settings(max_examples=500, deadline=None)
def test_no_yaml_breaks_the_validator(text: str) -> None:
    """Texts made of YAML's own characters end in a findings too."""
    assert isinstance(check("model_list: " + text), Findings)


@pytest.mark.parametrize(
    "text", ['"a\\0b": 1\n"a\\0b": 2\n', '"a\\0b": 1\n', '"model_lis\\0t": []\n', '"a\\x85b": 1\n"a\\x85b": 2\n']
)
def test_a_name_in_a_configuration_does_not_spoil_the_reason(text: str) -> None:
    """A key with a control character is told, in a refusal or in a warning, and the text is legible."""
    findings = check("model_list: []\n" + text)
    assert findings.errors + findings.warnings
    for reason in (reason_of(findings.errors), *(problem.text() for problem in findings.warnings)):
        assert reason == legible(reason)
