"""Waiting for events, for threads, and for those who wait."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


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


async def abandonable(work: Callable[[], Value]) -> Value:
    """Run ``work`` in a thread that neither a cancellation nor the end of the process waits for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Value] = loop.create_future()

    def resolve(value: Value | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(value)  # type: ignore[arg-type]  # None only where Value is None

    def run() -> None:
        value, fault = None, None
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001 - handed to the awaiting loop, which ends the process
            fault = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(resolve, value, fault)

    threading.Thread(target=run, name="fetch", daemon=True).start()
    return await done


async def completed(work: Callable[[], Value]) -> Value:
    """Run ``work`` in a thread to its end; a cancellation takes effect afterwards."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
