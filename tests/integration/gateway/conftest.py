from collections.abc import Iterator

import pytest

from tests.support.gateway import Gateway, config_with, gateway


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for a module, ready on a first revision."""
    with gateway(tmp_path_factory.mktemp("gateway"), PROVIDER_KEY="sk-provider-value-41f7") as running:
        running.volume.put(config_with("first"))
        running.wait_ready()
        yield running
