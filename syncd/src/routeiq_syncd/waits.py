"""Waiting for events and for those who wait."""

import asyncio
import contextlib


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event for at most so long. Not ``wait_for``: Python 3.11's loses a cancellation that meets it."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def settle(waiting: list[asyncio.Future[None]]) -> None:
    """Tell those who wait that what they wait for is over."""
    for done in waiting:
        if not done.done():
            done.set_result(None)
