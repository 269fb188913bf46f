"""What the system has not to give now is told from what a configuration is to blame for."""

import errno
import os

import pytest

from routeiq_gateway.runtime.scarcity import lacking


def wrapped(error: BaseException) -> BaseException:
    """Return an error that was raised while ``error`` was handled, as LiteLLM raises its own."""
    outer = ValueError("bad configuration")
    outer.__context__ = error
    return outer


@pytest.mark.parametrize(
    ("error", "words"),
    [
        *((OSError(code, os.strerror(code)), os.strerror(code)) for code in (errno.EMFILE, errno.ENFILE, errno.ENOSPC)),
        *((OSError(code, os.strerror(code)), os.strerror(code)) for code in (errno.ENOMEM, errno.EAGAIN, errno.EDQUOT)),
        (MemoryError(), "no memory"),
        (RuntimeError("can't start new thread"), "no thread"),
    ],
)
def test_what_lacks_is_named(error: BaseException, words: str) -> None:
    """By itself, and as the cause of what LiteLLM makes of it."""
    assert lacking(error) == words
    assert lacking(wrapped(error)) == words


@pytest.mark.parametrize(
    "error", [None, ValueError("x"), RuntimeError("x"), FileNotFoundError(errno.ENOENT, "x"), PermissionError(1, "x")]
)
def test_all_else_is_not_the_systems_fault(error: BaseException | None) -> None:
    """A configuration that names a file which is not there is to blame itself."""
    assert lacking(error) is None
