from collections.abc import Iterator

import pytest

from tests.support.clients.sides import Sides
from tests.support.gateway import gateway
from tests.support.processes import SCRIPTS
from tests.support.providers import providers
from tests.support.stock import stock


@pytest.fixture(scope="session")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    """Both sides with a model of each kind, ready; one worker each, as stock has."""
    with providers(pieces=5) as behind:
        configuration = behind.configuration()
        own = {"ROUTEIQ_WORKERS": "1", **behind.settings}
        with (
            stock(tmp_path_factory.mktemp("stock"), configuration, scripts=SCRIPTS, **behind.settings) as running,
            gateway(tmp_path_factory.mktemp("ours"), port=None, scripts=SCRIPTS, **own) as ours,
        ):
            ours.volume.put(configuration)
            running.wait_ready()
            ours.wait_ready()
            yield Sides(running, ours, behind)
