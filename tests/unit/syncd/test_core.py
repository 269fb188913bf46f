"""The rules of bundles, revisions, garbage and decisions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.configuration.bundle import Bounds, inside, make_bundle
from routeiq_syncd.configuration.problem import Problem, reason_of
from routeiq_syncd.revision.answer import read_answer
from routeiq_syncd.revision.decide import Accept, Refuse, Rules, Same, decide
from routeiq_syncd.revision.fetched import Fetched
from routeiq_syncd.revision.garbage import doomed
from routeiq_syncd.revision.instants import seconds_since, stamp
from routeiq_syncd.revision.manifest import Manifest, Publisher, SourceVersion, read_manifest, write_manifest
from routeiq_syncd.revision.plan import MOST_ROW_BYTES, Publish, plan_publish
from routeiq_syncd.revision.pointer import Pointer

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


@given(st.text(max_size=40))
def test_no_path_leaves_the_tree(path: str) -> None:
    """A path that is taken is relative, normal, and has no `..`; taking it again changes nothing."""
    taken = inside(path)
    if taken is not None:
        assert not taken.startswith("/")
        assert ".." not in taken.split("/")
        assert inside(taken) == taken


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(data: bytes) -> None:
    """Manifest and answer of another release, or half of one, are read or not, never an exception."""
    read_manifest(data)
    read_answer(data)


def test_a_manifest_that_contradicts_itself_is_none() -> None:
    """A digest that is not that of the files, or a path that leaves the tree, is no manifest."""
    data = write_manifest(accepted("model_list: []"))
    assert read_manifest(data) is not None
    assert read_manifest(data.replace(b'"size": 14', b'"size": 15')) is None
    assert read_manifest(data.replace(b'"config.yaml"', b'"../fig.yaml"')) is None


@given(st.sets(st.integers(1, 99), max_size=40), st.sets(st.integers(1, 99), max_size=5))
def test_garbage_is_old_and_unused(numbers: set[int], used: set[int]) -> None:
    """Nothing among the newest ten goes, nothing in use goes, and everything else does."""
    names = {number: f"{number:06d}-{'a' * 12}" for number in numbers}
    linked = frozenset(list(names.values())[:1])
    gone = set(doomed([*names.values(), "not-a-revision"], linked=linked, used=frozenset(used)))
    newest = set(sorted(numbers)[-10:])
    expected = {name for number, name in names.items() if number not in newest | used and name not in linked}
    assert gone == expected


def test_how_a_revision_travels() -> None:
    """In the row up to the setting; above it by pointer, or in the row where nothing points, up to a bound."""
    version, etag = Pointer("b", "k", "v1", '"e"'), Pointer("b", "k", "null", '"e"')
    rules = Rules(Bounds(config_bytes=2 * MOST_ROW_BYTES, row_bytes=20), frozenset(), Publisher("h"))
    small, large, huge = (fetched("{a: 1} #" + "x" * more) for more in (12, 13, MOST_ROW_BYTES))
    plans = [plan_publish(replace(small, pointer=version), None, rules, floor=6, ahead=0)]
    plans += [
        plan_publish(replace(large, pointer=pointer), None, rules, floor=6, ahead=0)
        for pointer in (version, etag, None)
    ]
    plans.append(plan_publish(replace(huge, pointer=version), None, rules, floor=6, ahead=0))
    assert all(isinstance(plan, Publish) and plan.floor == 6 for plan in plans)
    assert [plan.pointer for plan in plans if isinstance(plan, Publish)] == [None, version, etag, None, version]
    warned = ["ROUTEIQ_MAX_ROW_BYTES" in str(plan.warnings) for plan in plans if isinstance(plan, Publish)]
    assert warned == [False, False, True, False, False], "only where an overwritten version is lost"
    refused = plan_publish(huge, None, rules, floor=6, ahead=0)
    assert isinstance(refused, Refuse)
    assert "CONFIG_SOURCE=s3" in refused.problems[0].text()


def test_ages_are_never_negative() -> None:
    """A clock that was set back makes nothing younger than now."""
    assert seconds_since(stamp(NOW + timedelta(hours=1)), NOW) == 0
    assert seconds_since(stamp(NOW - timedelta(seconds=90)), NOW) == 90
    assert seconds_since("yesterday", NOW) is None


def test_a_reason_has_an_end() -> None:
    """A thousand problems make a reason that fits into a status."""
    reason = reason_of(Problem("config.yaml", line, "wrong " * 20) for line in range(1000))
    assert len(reason) <= 2000
