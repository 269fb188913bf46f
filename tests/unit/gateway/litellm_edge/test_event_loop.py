import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from routeiq_gateway.litellm_edge.event_loop import AWAY, LONGEST_HERE, Loop


class World:
    """A loop whose clock the test sets, and what it was told."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slow: list[float] = []
        self.loop = Loop(lambda call: call in self.known, self.slow.append, clock=lambda: self.now)
        self.known: list[Callable[[], object]] = []

    def run(self, call: Callable[..., object], *args: Any, executor: Any = None) -> Any:
        """Have the loop run ``call`` as code on it would ask for; return the result."""

        async def asking() -> Any:
            return await asyncio.get_running_loop().run_in_executor(executor, call, *args)

        return self.loop.run_until_complete(asking())


@pytest.fixture
def world() -> Iterator[World]:
    """A new loop, closed afterwards."""
    made = World()
    yield made
    made.loop.run_until_complete(made.loop.shutdown_default_executor())
    made.loop.close()


def test_what_only_prepares_runs_on_the_loop_and_all_else_in_a_thread(world: World) -> None:
    """A known call runs in the loop's thread; an unknown call, and calls with arguments or an executor, do not."""
    world.known.append(threading.get_ident)
    here = threading.get_ident()
    assert world.run(threading.get_ident) == here
    assert world.run(lambda: threading.get_ident()) != here  # noqa: PLW0108 - another function than the known one
    with ThreadPoolExecutor(1) as executor:
        assert world.run(threading.get_ident, executor=executor) != here
    assert world.run(divmod, 7, 2) == (3, 1)


def test_an_error_belongs_to_whoever_waits(world: World) -> None:
    """What a call raises on the loop arrives as from a thread."""

    def failing() -> None:
        raise ValueError("wrong")

    world.known.append(failing)
    with pytest.raises(ValueError, match="wrong"):
        world.run(failing)


def test_a_call_that_takes_long_sends_such_calls_to_threads_for_a_while(world: World) -> None:
    """The loop is held up once: then threads run them, until the time is over."""

    def long() -> int:
        world.now += LONGEST_HERE * 2
        return threading.get_ident()

    world.known += [long, threading.get_ident]
    here = threading.get_ident()
    assert world.run(long) == here
    assert world.slow == [pytest.approx(LONGEST_HERE * 2)]
    world.now += AWAY - 0.01
    assert world.run(threading.get_ident) != here
    world.now += 0.02
    assert world.run(threading.get_ident) == here
    assert len(world.slow) == 1


@pytest.mark.parametrize("known", [True, False])
def test_the_work_has_begun_when_the_call_returns_and_its_end_is_a_future(world: World, *, known: bool) -> None:
    """As asyncio's: a future, not a coroutine, on the loop and in a thread; the work is done though nobody waits."""
    done = threading.Event()
    if known:
        world.known.append(done.set)

    async def asking() -> bool:
        ending = asyncio.get_running_loop().run_in_executor(None, done.set)
        return asyncio.isfuture(ending)

    assert world.loop.run_until_complete(asking())
    assert done.wait(10)


def test_a_closed_loop_runs_nothing() -> None:
    """A closed loop refuses, and does not run a known call on the way."""
    ran: list[bool] = []
    loop = Loop(lambda _: True, lambda _: None)
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.run_in_executor(None, lambda: ran.append(True))
    assert not ran
