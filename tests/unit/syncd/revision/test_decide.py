"""The decider of single mode: what becomes of a fetched bundle."""

from datetime import UTC, datetime

from routeiq_syncd.configuration.bundle import Bounds, make_bundle
from routeiq_syncd.revision.decide import Accept, Refuse, Rules, Same, decide
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.manifest import Manifest, Publisher, SourceVersion

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
RULES = Rules(Bounds(), frozenset(), Publisher("host-1a2b3c4d"))
SOURCE = SourceVersion("file", "/app/config/config.yaml")


def fetched(text: str, **files: bytes) -> Fetched:
    """A bundle as a source hands it over."""
    return Fetched(make_bundle({"config.yaml": text.encode()} | files), SOURCE, "token")


def accepted(text: str, current: Manifest | None = None, number: int = 1) -> Manifest:
    """The manifest that a good configuration becomes."""
    decision = decide(fetched(text), current, number, NOW, RULES)
    assert isinstance(decision, Accept)
    return decision.manifest


def test_the_same_content_is_no_new_revision() -> None:
    """A bundle with the digest of `current` is `Same`; another one is accepted under the next number."""
    first = accepted("model_list: []")
    assert isinstance(decide(fetched("model_list: []"), first, 2, NOW, RULES), Same)
    assert accepted("model_list: [] ", first, 2).number == 2


def test_what_was_accepted_stays_accepted() -> None:
    """`current` that today's rules would refuse yields warnings, not a refusal of what is served."""
    bundle = fetched("model_lists: []")
    current = Manifest(1, bundle.bundle.digest, bundle.bundle.entries, SOURCE, RULES.publisher, stamp(NOW))
    decision = decide(bundle, current, 2, NOW, RULES)
    assert isinstance(decision, Same)
    assert "model_lists" in decision.warnings[0].text()


def test_bounds_refuse_before_anything_is_parsed() -> None:
    """A file over its limit, or too many files, is named with the limit."""
    rules = Rules(Bounds(config_bytes=20, files=2), frozenset(), Publisher("h"))
    decision = decide(fetched("model_list: " + "x" * 20), None, 1, NOW, rules)
    assert isinstance(decision, Refuse)
    assert "at most 20 bytes are taken and it has 32 bytes" in decision.problems[0].text()
    many = decide(fetched("a: 1", b=b"", c=b""), None, 1, NOW, rules)
    assert isinstance(many, Refuse)
    assert "3 files" in many.problems[0].text()
