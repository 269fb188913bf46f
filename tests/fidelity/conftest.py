import contextlib
from collections.abc import Iterator

import pytest

from tests.support import litellm_database as database
from tests.support.gateway import config_with, gateway
from tests.support.operations import Pair
from tests.support.postgres import running_postgres
from tests.support.stock import stock


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both sides with one mock model, ready."""
    config = config_with("pong")
    with (
        stock(tmp_path_factory.mktemp("stock"), config) as running,
        gateway(tmp_path_factory.mktemp("ours"), ROUTEIQ_WORKERS="1") as ours,
    ):
        ours.volume.put(config)
        running.wait_ready()
        ours.wait_ready()
        yield Pair(running, ours)


@pytest.fixture(scope="session")
def pair_with_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both sides with one mock model, each on a database of its own."""
    config = config_with("pong")
    with running_postgres() as server, contextlib.ExitStack() as stack:
        settings = []
        for name in ("stock", "ours"):
            url = server.create_database(name)
            database.migrate(url)
            settings.append(database.database_settings(url))
        folders = [tmp_path_factory.mktemp(name) for name in ("stock", "ours")]
        running = stack.enter_context(stock(folders[0], config, scripts=database.SCRIPTS, **settings[0]))
        # One worker, as stock has.
        own = {"ROUTEIQ_WORKERS": "1", **settings[1]}
        ours = stack.enter_context(gateway(folders[1], scripts=database.SCRIPTS, port=None, **own))
        ours.volume.put(config)
        running.wait_ready()
        ours.wait_ready()
        yield Pair(running, ours)
