"""What others write, names in a configuration, the gateway's answer, rows of the database, is read without harm."""

import json
import zlib

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_syncd.configuration.bundle import Bounds, Bundle, Entry, bound_problems, make_bundle
from routeiq_syncd.configuration.legible import legible
from routeiq_syncd.configuration.problem import reason_of
from routeiq_syncd.configuration.rules import validate
from routeiq_syncd.database.faults import DatabaseAwayError, passing
from routeiq_syncd.revision.answer import read_answer
from routeiq_syncd.revision.manifest import MANIFEST_BYTES, Manifest, read_manifest
from routeiq_syncd.revision.payload import pack, unpack
from routeiq_syncd.revision.plan import MOST_ROW_BYTES
from tests.support.manifests import EMPTY, files, manifest_of

MODEL = "model_list: []\n"


@given(st.text(st.characters(codec=None)))
def test_what_is_legible_can_be_written_anywhere(text: str) -> None:
    """UTF-8 has it, PostgreSQL stores it, a log keeps it on one line; text that is so already stays as it is."""
    written = legible(text)
    assert "\0" not in written
    assert len(written.splitlines()) <= 1
    assert json.loads(json.dumps(written, ensure_ascii=False).encode()) == written
    assert legible(written) == written


def test_unfit_characters_are_shown() -> None:
    """As an escape that says which; letters of any language are not touched."""
    assert legible("a\0b\nc\x85d\ud800") == r"a\x00b\nc\x85d\ud800"
    assert legible("é…日本 'x'") == "é…日本 'x'"


@pytest.mark.parametrize(
    "text", ['"a\\0b": 1\n"a\\0b": 2\n', '"a\\0b": 1\n', '"model_lis\\0t": []\n', '"a\\x85b": 1\n"a\\x85b": 2\n']
)
def test_a_name_in_a_configuration_does_not_spoil_the_reason(text: str) -> None:
    """A key with a control character is told, in a refusal or in a warning, and the text is legible."""
    verdict = validate(make_bundle({"config.yaml": (MODEL + text).encode()}), kind="file", environment=frozenset())
    assert verdict.errors + verdict.warnings
    for reason in (reason_of(verdict.errors), *(problem.text() for problem in verdict.warnings)):
        assert reason == legible(reason)


def test_the_gateways_texts_are_legible() -> None:
    """The reason, the digests and the instants: each reaches the database, the status or the log."""
    said = {"number": 2, "digest": "d\0", "reason": "a\0b\ud800", "at": "x\n", "since": "s\0"}
    answer = read_answer(json.dumps({"serving": said, "refused": said}).encode())
    assert answer is not None
    assert answer.serving is not None
    assert answer.refused is not None
    assert answer.refused.reason == r"a\x00b\ud800"
    for text in (answer.serving.digest, answer.serving.since, answer.refused.digest, answer.refused.at):
        assert text == legible(text or "\0")


@pytest.mark.parametrize("number", ["1e999", "-1", "true", '"1"', "1.5", str(10**18), "9" * 5000])
def test_what_is_no_revisions_number_is_no_answer_and_no_manifest(number: str) -> None:
    """Out of range, a fraction, another type."""
    said = f'{{"number": {number}, "digest": "d", "since": "s"}}'
    assert read_answer(f'{{"serving": {said}}}'.encode()) is None
    assert read_answer(f'{{"workers": [{said}]}}'.encode()) is None
    entries = files("config.yaml")
    assert read_manifest(manifest_of(*entries, number=7)) is not None
    assert (
        read_manifest(manifest_of(*entries, number=7).replace(b'"number": 7', f'"number": {number}'.encode())) is None
    )


@pytest.mark.parametrize(
    "entries",
    [
        (Entry("config.yaml", -5, EMPTY),),
        (Entry("config.yaml", 10**30, EMPTY),),
        (Entry("config.yaml", Bounds().file_bytes + 1, EMPTY),),
        tuple(Entry(f"{at}", Bounds().file_bytes, EMPTY) for at in range(5)),
        files(*(str(at) for at in range(Bounds().files + 1))),
        files("config.yaml", "manifest.json"),
        files("config.yaml", "manifest.json/a"),
        files("a", "a/b"),
        files("a/b/c", "a/b"),
        files("a", "a"),
        files("a" * 256),
        files("é" * 128),
        files("/".join("a" * 200 for _ in range(6))),
        files("a\0b"),
        files("../a"),
        (Entry("config.yaml", 0, "0" * 63),),
        (Entry("config.yaml", 0, "G" * 64),),
    ],
)
def test_files_that_no_volume_takes_are_no_manifest(entries: tuple[Entry, ...]) -> None:
    """Sizes, counts, the names that a revision keeps for itself, a file where a directory has to be, long names."""
    assert read_manifest(manifest_of(*entries)) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"publisher": {"holder_id": "h", "epoch": 2**63 - 1}},
        {"publisher": []},
        {"publisher": {"holder_id": "\ud800"}},
        {"source": {"kind": "s3", "location": 7}},
        {"source": {"kind": "s3", "location": "x", "etag": []}},
        {"digest": None},
        {"files": {}},
        {"files": [{"path": "\ud800", "size": 0, "sha256": EMPTY}]},
        {"files": [{"path": "a", "size": True, "sha256": EMPTY}]},
        {"padding": "x" * MANIFEST_BYTES},
    ],
)
def test_fields_of_another_type_are_no_manifest(fields: dict[str, object]) -> None:
    """Nor is one that is longer than what is read from a volume."""
    assert read_manifest(manifest_of(*files("config.yaml"))) is not None
    assert read_manifest(manifest_of(*files("config.yaml"), **fields)) is None


def test_a_path_that_no_manifest_may_name_is_not_published() -> None:
    """A source with a name that is too long is refused, so that what is published can be read."""
    (told,) = bound_problems(make_bundle({"a" * 256: b""}), Bounds())
    assert "at most 255 bytes a name and 1024 in all" in told.text()
    assert bound_problems(make_bundle({"a" * 255: b""}), Bounds()) == ()


def read(*entries: Entry) -> Manifest:
    """A manifest that is sound."""
    manifest = read_manifest(manifest_of(*entries))
    assert manifest is not None
    return manifest


def test_a_payload_unfolds_no_further_than_a_row_holds() -> None:
    """A few bytes that say they are many are not unpacked."""
    size = MOST_ROW_BYTES + 1
    bomb = b"Z" + zlib.compress(bytes(size), 9)
    assert len(bomb) < size / 1000
    manifest = read(*make_bundle({"config.yaml": bytes(size)}).entries)
    assert f"at most {MOST_ROW_BYTES} can be read by this release" in str(unpack(bomb, manifest))
    bundle = make_bundle({"config.yaml": bytes(MOST_ROW_BYTES)})
    assert isinstance(unpack(pack(bundle), read(*bundle.entries)), Bundle)


@pytest.mark.parametrize(
    ("state", "passes"),
    [
        *((state, True) for state in ("XX000", "XX001", "54001", "54000", "53300", "57P01", "ZZ999", None)),
        *((state, False) for state in ("42601", "42804", "22021", "22P05", "23514", "P0001")),
    ],
)
def test_what_a_pooler_says_passes_and_our_own_mistakes_do_not(state: str | None, *, passes: bool) -> None:
    """Internal errors, limits, and states that PostgreSQL does not have are waited out; wrong SQL is a bug."""
    error = asyncpg.PostgresError.new({"M": "told", **({"C": state} if state else {})})
    reason = passing(error)
    assert (reason is not None) == passes
    assert "told" not in str(reason)
    assert passing(DatabaseAwayError("a sentence")) == "a sentence"
    assert passing(AttributeError("server_version")) is None
