"""What the system has not to give now: a descriptor, room on a disk, memory, a process, a thread."""

import errno
from collections.abc import Iterator

LACKING = {
    getattr(errno, name) for name in ("EAGAIN", "EDQUOT", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ENOSPC", "EUSERS")
}
NO_THREAD = "can't start new thread"
"""Python's words, in a RuntimeError without a number."""


def lacking(error: BaseException | None) -> str | None:
    """Return in words what the system had not to give, where ``error``, or what it was raised from, says that."""
    for each in chain(error):
        match each:
            case MemoryError():
                return "no memory"
            case RuntimeError() if NO_THREAD in str(each):
                return "no thread"
            case OSError() if each.errno in LACKING:
                return str(each.strerror)
    return None


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield ``error``, and what it was raised from as a traceback shows it, each once."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        seen.append(error)
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
