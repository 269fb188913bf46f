"""Showing that a long import goes on: LiteLLM's takes seconds, and minutes on a machine with too much to do."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, cast


@contextlib.contextmanager
def telling(works: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, call ``works`` before each module that is imported; LiteLLM has thousands."""

    class Finder:
        """Finds nothing, so that the next finder is asked."""

        @staticmethod
        def find_spec(*_: object) -> None:
            works()

    finder = cast("Any", Finder)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
