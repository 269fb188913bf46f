"""Waiting for a condition, with a limit."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def wait_for(what: str, probe: Callable[[], Value], *, seconds: float = 30, every: float = 0.05) -> Value:
    """Return the first truthy value of ``probe``, asked every ``every`` seconds.

    Raises:
        AssertionError: no truthy value within ``seconds``; names ``what`` and the last value.
    """
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}; last value: {value!r}")
        time.sleep(every)
