import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from litellm.proxy._lazy_features import LAZY_FEATURES

from tests.support.gateway import Gateway, config_with, gateway


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Gateway]]:
    """A gateway as it comes, and one without savings, whose loop is uvloop's own."""
    with contextlib.ExitStack() as stack:
        gateways = []
        for savings in ("true", "false"):
            folder = tmp_path_factory.mktemp(f"savings-{savings}")
            running = stack.enter_context(gateway(folder, ROUTEIQ_SAVINGS=savings, ROUTEIQ_WORKERS="1"))
            running.volume.put(config_with("first"))
            gateways.append(running)
        for running in gateways:
            running.wait_ready()
        yield gateways[0], gateways[1]


@pytest.mark.parametrize("feature", LAZY_FEATURES, ids=lambda feature: feature.name)
def test_each_lazily_loaded_feature_answers_as_without_savings(both: tuple[Gateway, Gateway], feature: Any) -> None:
    """A first request to each feature that LiteLLM loads lazily has the status that uvloop's own loop gives it."""
    for path in feature.path_prefixes:
        ours, plain = (_status(running, path) for running in both)
        assert ours == plain, path


def _status(running: Gateway, path: str) -> int:
    """Ask for ``path`` with the master key; return the status. An endless answer is left at its headers."""
    with running.client() as client, client.stream("GET", path) as response:
        return response.status_code
