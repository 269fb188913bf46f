import hashlib
import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
import structlog

from routeiq_gateway.configuration.overrides import find_overrides
from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.ipc.shared_page import PAGE, Board
from routeiq_gateway.litellm_edge.names import keep_database_from
from routeiq_gateway.parent.answer import AnswerWriter
from routeiq_gateway.runtime.logs import Unfailing
from routeiq_gateway.settings import BadSettingsError, read_settings
from routeiq_gateway.volume.documents import FileEntry, digest_of, directory_name
from routeiq_gateway.volume.staging import Staging
from routeiq_gateway.volume.volume import BadRevisionError, Revision, Volume, load_config

LOG = structlog.wrap_logger(structlog.ReturnLogger())


def test_messages_arrive_whole_and_in_order() -> None:
    """However the bytes are cut, each message arrives once, and the end of the peer shows."""
    ours, theirs = Channel.pair()
    ours.send("one", number=1)
    ours.send("two", text="x" * 2000)
    assert [message["kind"] for message in theirs.receive()] == ["one", "two"]
    ours.close()
    assert theirs.receive() == []
    assert theirs.closed


def test_sending_to_nobody_is_no_error() -> None:
    """The peer may die at any moment; the sender learns it and goes on."""
    ours, theirs = Channel.pair()
    theirs.close()
    ours.send("anything")
    assert ours.closed


def test_a_peer_that_reads_nothing_does_not_block() -> None:
    """A worker that hangs cannot hang the parent."""
    ours, _theirs = Channel.pair()
    for _ in range(10_000):
        ours.send("anything", text="x" * 100)
    assert ours.closed


def read_board(board: Board, results: Any) -> None:
    """Read until the last document, in another process; report whether every one was whole."""
    while (document := board.read()).get("number") != "last":
        if document and document["text"] != "x" * document["number"]:
            results.put(document)
            return
    results.put("whole")


def test_a_reader_of_the_board_sees_whole_documents() -> None:
    """Another process reads while this one writes, and never sees half a document."""
    board = Board()
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    reader = context.Process(target=read_board, args=(board, results))
    reader.start()
    for number in range(20_000):
        board.write({"number": number % 5000, "text": "x" * (number % 5000)})
    board.write({"number": "last"})
    assert results.get(timeout=30) == "whole"
    reader.join()


def test_a_writer_that_dies_in_a_write_leaves_the_last_document() -> None:
    """Whatever half-written page a killed parent leaves, its workers go on reading what stood there before."""
    board = Board()
    board.write({"number": 1})
    board.write({"number": 2})
    other = 1 - board._memory[0]  # noqa: SLF001 - a write that stops half-way cannot be had from outside
    board._memory[1 + other * PAGE : 1 + other * PAGE + 100] = b"\xff" * 100  # noqa: SLF001 - as above
    assert board.read() == {"number": 2}


def test_the_board_refuses_what_does_not_fit() -> None:
    """A document larger than the page is an error, not a torn page."""
    board = Board()
    with pytest.raises(ValueError, match="the board holds"):
        board.write({"text": "x" * PAGE})
    assert board.read() == {}


def revision(root: Path, number: int, text: bytes) -> Revision:
    """Write a revision as syncd would."""
    entry = FileEntry("config.yaml", len(text), hashlib.sha256(text).hexdigest())
    digest = digest_of([entry])
    directory = root / "revisions" / directory_name(number, digest)
    directory.mkdir(parents=True)
    (directory / "config.yaml").write_bytes(text)
    (directory / "other.txt").write_text("beside")
    manifest = {"format": 1, "number": number, "digest": digest, "files": [vars(entry)]}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return Revision(number, digest, directory)


def test_staging_copies_the_config_and_links_the_rest(tmp_path: Path) -> None:
    """A worker may write its config, finds files beside it, and the revision stays untouched."""
    made = revision(tmp_path, 1, b"router_settings: {num_retries: 1}\n")
    staging = Staging(find_overrides({"LITELLM_ROUTER_SETTINGS__NUM_RETRIES": "2"}), tmp_path / "staged")
    path = staging.stage(made)
    assert load_config(path.read_bytes()) == {"router_settings": {"num_retries": 2}}
    assert (path.parent / "other.txt").read_text() == "beside"
    path.write_text("changed: by the worker\n")
    assert (made.directory / "config.yaml").read_bytes() == b"router_settings: {num_retries: 1}\n"
    staging.keep([None])
    assert not path.exists()


def test_an_override_that_nests_too_deep_is_refused(tmp_path: Path) -> None:
    """The parent stages, and a depth that cannot be written is a reason to refuse and not the parent's end."""
    deep = find_overrides({"LITELLM_ROUTER_SETTINGS__" + "__".join("A" * 1000): "1"})
    with pytest.raises(BadRevisionError, match="nests too deep"):
        Staging(deep, tmp_path / "staged").stage(revision(tmp_path, 1, b"a: b\n"))


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"just text", b"a: [", b"a: 'x", b"a: 2024-99-99", b"a: !!bool x", b"a: " + b"1" * 6000],
)
def test_a_config_that_is_no_mapping_is_refused(text: bytes) -> None:
    """Whatever is not a mapping of sections is refused in a sentence."""
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


def test_a_volume_without_anything_has_nothing(tmp_path: Path) -> None:
    """An empty volume is a start, not an error."""
    volume = Volume(tmp_path)
    assert volume.link("current") is None
    assert volume.read_verdicts(LOG) == (None, None)
    assert volume.last_known_good(None) is None


def test_a_revision_that_vanished_is_no_last_known_good(tmp_path: Path) -> None:
    """The answer may outlive the tree, or the tree be damaged; then there is nothing to fall back on."""
    answer = AnswerWriter(Board(), Volume(tmp_path), LOG)
    made = revision(tmp_path, 7, b"a: b\n")
    answer.ack(made)
    assert Volume(tmp_path).last_known_good(answer.serving) == made
    (made.directory / "config.yaml").write_bytes(b"a: c\n")
    assert Volume(tmp_path).last_known_good(answer.serving) is None
    (made.directory / "manifest.json").unlink()
    assert Volume(tmp_path).last_known_good(answer.serving) is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        b"[" * 100_000,
        b'{"format": 1, "serving": {"number": 1e400, "digest": "", "since": ""}}',
        b'{"format": 1, "serving": "x"}',
        b'{"format": 1, "serving": {"number": 1, "digest": "\\u0000", "since": ""}}',
        b'{"format": 1e400}',
        b"\xff",
    ],
)
def test_an_answer_that_cannot_be_read_is_none_and_is_said_once(tmp_path: Path, text: bytes | None) -> None:
    """Whatever stands in place of the earlier answer, a directory even, the gateway starts as if there were none."""
    path = tmp_path / "answers/gateway.json"
    path.parent.mkdir()
    if text is None:
        path.mkdir()
    else:
        path.write_bytes(text)
    log = structlog.testing.CapturingLogger()
    assert Volume(tmp_path).read_verdicts(structlog.wrap_logger(log, processors=[])) == (None, None)
    assert [call.method_name for call in log.calls] == ["warning"]


def test_a_volume_path_too_long_for_a_socket_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A UNIX socket's path is short; the setting is named with the limit."""
    monkeypatch.setenv("ROUTEIQ_VOLUME", "/" + "x" * 100)
    with pytest.raises(BadSettingsError, match=r"ROUTEIQ_VOLUME: .*longer than"):
        read_settings({})


def test_litellm_can_be_kept_from_the_database() -> None:
    """The variables that name one are gone, others stay, and it is told whether there was any."""
    environment = {"DATABASE_URL": "a", "DIRECT_URL": "b", "DATABASE_URL_READ_REPLICA": "c", "PORT": "4000"}
    assert keep_database_from(environment)
    assert environment == {"PORT": "4000"}
    assert not keep_database_from(environment)


def test_a_log_that_nobody_reads_ends_nothing() -> None:
    """Logging to a pipe whose reader has gone is no error: an orphaned worker goes on serving."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", buffering=1) as stream:
        Unfailing(stream).write("line\n")
        Unfailing(stream).flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)
