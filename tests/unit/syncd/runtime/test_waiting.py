"""A stop is a cancellation, and none may be lost."""

import asyncio

import pytest

from routeiq_syncd.runtime.waiting import woken


def test_a_cancellation_that_meets_the_event_is_not_lost() -> None:
    """The event is set and the task cancelled in the same instant: the task ends."""

    async def story() -> None:
        event = asyncio.Event()
        task = asyncio.create_task(woken(event, 10))
        for _ in range(2):  # until it waits, inside whatever it waits with
            await asyncio.sleep(0)
        event.set()
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(story())


def test_waiting_ends_by_the_event_or_the_limit() -> None:
    """Either way it returns, and a limit that has passed already is no error."""

    async def story() -> None:
        event = asyncio.Event()
        await woken(event, -1)
        event.set()
        await woken(event, 10)

    asyncio.run(story())
