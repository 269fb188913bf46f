"""Real clients while the gateway takes one revision after the other: nothing fails, and nothing is cut."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, Self

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.clients import CALLS
from tests.support.clients.compared import comparable
from tests.support.clients.connections import PATIENCE, Connections
from tests.support.gateway import MASTER_KEY, Gateway, gateway
from tests.support.processes import SCRIPTS
from tests.support.providers import Providers, providers
from tests.support.waiting import wait_for

RELOADS = 20
USERS = 3
pytestmark = pytest.mark.timeout(300)


class Users:
    """Users that make every call there is, one after the other and again, each on connections of their own."""

    def __init__(self, base: str, expected: dict[str, Any]) -> None:
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._base = base
        self._expected = expected
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._use, args=(number,)) for number in range(USERS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def done_more_than(self, count: int) -> bool:
        """Whether more than ``count`` calls have come back."""
        return self.done.total() > count

    def _use(self, number: int) -> None:
        names = list(CALLS)
        begin = number * len(names) // USERS
        with Connections(self._base) as to:
            for name in itertools.cycle(names[begin:] + names[:begin]):
                if self._stop.is_set():
                    return
                try:
                    answer = comparable(CALLS[name](to))
                except Exception as error:  # noqa: BLE001 - whatever a client raises is a failure, to be shown
                    self.wrong.append(f"{name}: {error!r}")
                else:
                    if answer != self._expected[name]:
                        self.wrong.append(f"{name}: {answer!r}")
                self.done[name] += 1


@pytest.fixture(scope="module")
def behind() -> Iterator[Providers]:
    """Providers whose streams take a second, so that reloads fall into them."""
    with providers(pieces=10, pause=0.1) as running:
        yield running


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory, behind: Providers) -> Iterator[Gateway]:
    """A gateway with two workers that serves them."""
    own = {"ROUTEIQ_WORKERS": "2", **behind.settings}
    with gateway(tmp_path_factory.mktemp("ours"), port=None, scripts=SCRIPTS, **own) as running:
        running.volume.put(behind.configuration())
        running.wait_ready()
        yield running


def test_twenty_reloads_fail_no_client_and_cut_no_answer(ours: Gateway, behind: Providers) -> None:
    """Invariant 8: over 20 reloads every call of every client comes back whole, and as it did before."""
    base = f"http://127.0.0.1:{ours.port}"
    with Connections(base) as to:
        expected = {name: comparable(call(to)) for name, call in CALLS.items()}
    with Users(base, expected) as users:
        for _ in range(RELOADS):
            gone_on = partial(users.done_more_than, users.done.total() + USERS)
            ours.wait_serving(ours.volume.put(behind.configuration(number=ours.volume.number)))
            wait_for("clients to go on", gone_on)
        wait_for("each call to be made", lambda: set(users.done) == set(CALLS), seconds=60)
    assert users.wrong == []


async def hold(ours: Gateway, behind: Providers, reloads: int) -> list[Any]:
    """Hold one MCP session over ``reloads``, and call a tool before each and after the last."""
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
        Client(streamable_http_client(f"http://127.0.0.1:{ours.port}/mcp/", http_client=http)) as client,
    ):
        results = [(await client.call_tool("tools-add", {"a": 0, "b": 1})).structured_content]
        for number in range(1, reloads + 1):
            digest = ours.volume.put(behind.configuration(number=ours.volume.number))
            await asyncio.to_thread(ours.wait_serving, digest)
            results.append((await client.call_tool("tools-add", {"a": number, "b": 1})).structured_content)
        return results


def test_an_mcp_session_outlives_reloads(ours: Gateway, behind: Providers) -> None:
    """A client that holds one session calls its tools before, between and after reloads."""
    assert asyncio.run(hold(ours, behind, 3)) == [{"result": number + 1} for number in range(4)]
