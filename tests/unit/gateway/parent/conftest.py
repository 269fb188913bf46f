from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.parent_bench import Bench, parent_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A parent of two workers, on a volume where `current` is revision 1."""
    with parent_bench(tmp_path) as made:
        yield made
