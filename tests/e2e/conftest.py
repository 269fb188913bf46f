from collections.abc import Iterator

import pytest

from tests.support.s3 import Server, moto


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One S3 server for all tests; each makes a bucket of its own."""
    with moto(tmp_path_factory.mktemp("s3")) as server:
        yield server
