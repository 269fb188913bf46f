from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.gateway import gateway
from tests.support.operations import Pair
from tests.support.providers import Providers, providers
from tests.support.stock import stock


@dataclass(frozen=True)
class Sides(Pair):
    """Stock LiteLLM and the gateway, before the same providers."""

    providers: Providers

    @property
    def ports(self) -> tuple[int, int]:
        """Where stock listens, and where the gateway does."""
        return self.stock.port, self.ours.port


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """Both sides with a model of each kind, ready; one worker each, as stock has."""
    with providers(pieces=5) as behind:
        configuration = behind.configuration()
        with (
            stock(tmp_path_factory.mktemp("stock"), configuration, **behind.settings) as running,
            gateway(tmp_path_factory.mktemp("ours"), ROUTEIQ_WORKERS="1", **behind.settings) as ours,
        ):
            ours.volume.put(configuration)
            running.wait_ready()
            ours.wait_ready()
            yield Sides(running, ours, behind)
