"""Turns: who waits for one is told of its end, however it ends."""

import asyncio
import contextlib

import pytest

from routeiq_syncd.runtime.turns.turnstile import Turnstile

LIMIT = 10


class Counting(Turnstile):
    """Counts its turns; each waits to be let go, and the next comes only when it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited: list[bool] = []
        self.go = asyncio.Event()
        self.fault: Exception | None = None

    async def turn(self, *, awaited: bool) -> float:
        """Wait to be let go."""
        self.awaited.append(awaited)
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        return 3600


async def settled() -> None:
    """Let every task that can go on do so."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_asks_during_a_turn_waits_for_the_next() -> None:
    """The turn that is under way began before; the caller gets one that began after its call, with others who ask."""

    async def story() -> None:
        turnstile = Counting()
        running = asyncio.create_task(turnstile.run())
        await settled()
        callers = [asyncio.create_task(turnstile.turn_now()) for _ in range(2)]
        await settled()
        assert turnstile.awaited == [False]
        turnstile.go.set()
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(*callers)
        assert turnstile.awaited == [False, True]
        running.cancel()

    asyncio.run(story())


def test_a_nudge_brings_the_next_turn_now_or_within_a_span() -> None:
    """The clock would bring the next turn in an hour."""

    async def story() -> None:
        turnstile = Counting()
        turnstile.go.set()
        running = asyncio.create_task(turnstile.run())
        await settled()
        turnstile.nudge()
        await settled()
        assert turnstile.awaited == [False] * 2
        turnstile.nudge(within=0.01)
        async with asyncio.timeout(LIMIT):
            while len(turnstile.awaited) < 3:  # noqa: ASYNC110 - no event tells of a turn
                await asyncio.sleep(0.001)
        running.cancel()

    asyncio.run(story())


@pytest.mark.parametrize("fault", [None, ValueError("a fault")])
def test_nobody_waits_for_a_loop_that_has_ended(fault: Exception | None) -> None:
    """Cancelled, or ended by a fault: the callers of the turn under way and of the next are let go."""

    async def story() -> None:
        turnstile = Counting()
        first = asyncio.create_task(turnstile.turn_now())
        await settled()
        running = asyncio.create_task(turnstile.run())
        await settled()
        second, given_up = (asyncio.create_task(turnstile.turn_now()) for _ in range(2))
        await settled()
        assert turnstile.awaited == [True]
        given_up.cancel()
        if fault is None:
            running.cancel()
        else:
            turnstile.fault = fault
            turnstile.go.set()
        with contextlib.suppress(asyncio.CancelledError, ValueError):
            await running
        async with asyncio.timeout(LIMIT):
            await asyncio.gather(first, second)

    asyncio.run(story())
