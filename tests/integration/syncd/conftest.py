"""A syncd with a volume of its own, and an S3 server for all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.s3 import Server, moto
from tests.support.syncd import Syncd


@pytest.fixture
def syncd(tmp_path: Path) -> Syncd:
    """A syncd with a volume of its own."""
    return Syncd(tmp_path)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One moto server for all tests; each makes its own bucket."""
    with moto(tmp_path_factory.mktemp("moto")) as server:
        yield server
