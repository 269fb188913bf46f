"""Secret files, read: what is a value, and what is refused with the name of its file."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routeiq_gateway.secret_files.reading import MOST_BYTES, MOST_FILES, BadSecretsError, read_secrets, signs_of

SECRET = "Qz8-tR51-secret-kV7"


def free(_name: str) -> None:
    """Every variable may come from a file."""


def test_each_file_is_the_value_of_its_name(tmp_path: Path) -> None:
    """Line breaks at the end are cut and all else is kept; hidden names and directories are no files of ours."""
    (tmp_path / "KEY").write_bytes(b" a b\r\nc \r\n\n")
    (tmp_path / "_lower1").write_bytes("é".encode())
    (tmp_path / "longest").write_bytes(b"x" * MOST_BYTES)
    (tmp_path / ".hidden").write_bytes(b"\xff")
    (tmp_path / "kubernetes.io").mkdir()
    found = read_secrets([tmp_path], free)
    assert found == {"KEY": " a b\r\nc ", "_lower1": "é", "longest": "x" * MOST_BYTES}


CASES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda at: (at / "KEY").touch(), "KEY: empty; write the value"),
    "line breaks alone": (lambda at: (at / "KEY").write_text("\r\n\n"), "KEY: empty"),
    "no UTF-8": (lambda at: (at / "KEY").write_bytes(SECRET.encode() + b"\xff"), "KEY: not UTF-8"),
    "a zero byte": (lambda at: (at / "KEY").write_text(f"{SECRET}\0"), "KEY: holds a zero byte"),
    "too long": (lambda at: (at / "KEY").write_text("x" * (MOST_BYTES + 1)), f"KEY: longer than {MOST_BYTES} bytes"),
    "a link to nothing": (lambda at: (at / "KEY").symlink_to("absent"), "KEY: No such file or directory"),
    "a link to itself": (lambda at: (at / "KEY").symlink_to("KEY"), "KEY: Too many levels of symbolic links"),
    "a pipe": (lambda at: os.mkfifo(at / "KEY"), "KEY: expected a file"),
    "a name with a dot": (lambda at: (at / "tls.crt").write_text(SECRET), "tls.crt: a file is named after"),
    "a name with a digit first": (lambda at: (at / "1KEY").write_text(SECRET), "1KEY: a file is named after"),
    "a key for a name": (lambda at: (at / "sk-4fQz91Lw2Vh8Xc5Rt0").write_text("x"), "***: a file is named after"),
    "a name with a line break": (lambda at: (at / "A\nB").write_text(SECRET), "***: a file is named after"),
    "a setting": (lambda at: (at / "PORT").write_text(SECRET), "PORT: fixed"),
    "too many files": (
        lambda at: [(at / f"K{number}").write_text("x") for number in range(MOST_FILES + 1)],
        f"{MOST_FILES + 2} files, at most {MOST_FILES}",
    ),
    "too much together": (
        lambda at: [(at / f"K{number}").write_text("x" * MOST_BYTES) for number in range(17)],
        "bytes together, at most",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_used_is_told_by_its_file_and_never_by_its_value(tmp_path: Path, case: str) -> None:
    """The reason names the setting, the file and what to do, and holds no value, one of a good file neither."""
    make, named = CASES[case]
    make(tmp_path)
    (tmp_path / "GOOD").write_text(SECRET)
    with pytest.raises(BadSecretsError, match=re.escape(named)) as caught:
        read_secrets([tmp_path], lambda name: "fixed" if name == "PORT" else None)
    assert str(caught.value).startswith("ROUTEIQ_SECRETS_DIR: ")
    assert "Qz8" not in str(caught.value)
    assert "4fQz91" not in str(caught.value)


def test_a_missing_directory_and_a_name_in_two_are_refused(tmp_path: Path) -> None:
    """Of several directories each must be there, and a name may stand in one only."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "KEY").write_text(SECRET)
        (tmp_path / name / f"KEY_{name}").write_text(SECRET)
    assert set(read_secrets([tmp_path / "one"], free)) == {"KEY", "KEY_one"}
    with pytest.raises(BadSecretsError, match=rf"two/KEY: is in {tmp_path}/one too; keep one of the two"):
        read_secrets([tmp_path / "one", tmp_path / "two"], free)
    with pytest.raises(BadSecretsError, match=r"three: No such file or directory; mount it, or correct the setting"):
        read_secrets([tmp_path / "one", tmp_path / "three"], free)


def test_at_most_five_problems_are_told(tmp_path: Path) -> None:
    """A directory of something else does not flood the log."""
    for number in range(9):
        (tmp_path / f"K{number}").touch()
    with pytest.raises(BadSecretsError, match=r"; and 4 more$"):
        read_secrets([tmp_path], free)


@given(content=st.binary(max_size=80))
def test_any_content_is_a_value_or_a_reason(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    """Whatever a file holds, it is a value that the environment can hold, or refused without being quoted."""
    directory = tmp_path_factory.mktemp("any")
    (directory / "KEY").write_bytes(content)
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        text = ""
    if text and "\0" not in text:
        assert read_secrets([directory], free) == {"KEY": text}
    else:
        with pytest.raises(BadSecretsError, match=rf"^ROUTEIQ_SECRETS_DIR: {directory}/KEY: "):
            read_secrets([directory], free)


CHANGES: dict[str, Callable[[Path], object]] = {
    "another content of the same length": lambda at: (at / "KEY").write_text("B"),
    "another file in its place": lambda at: (at / "OTHER").replace(at / "KEY"),
    "a file more": lambda at: (at / "MORE").write_text("x"),
    "a file less": lambda at: (at / "KEY").unlink(),
    "other rights": lambda at: (at / "KEY").chmod(0o400),
    "the directory gone": lambda at: at.rename(at.with_name("elsewhere")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_is_seen(tmp_path: Path, change: str) -> None:
    """What tells a change differs after it, and is the same while nothing changes."""
    directory = tmp_path / "secrets"
    directory.mkdir()
    (directory / "KEY").write_text("A")
    (directory / "OTHER").write_text("A")
    before = signs_of([directory])
    assert signs_of([directory]) == before
    CHANGES[change](directory)
    assert signs_of([directory]) != before
