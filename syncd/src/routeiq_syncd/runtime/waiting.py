"""Waiting for events, for threads, and for those who wait."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

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


class Asked(Generic[Value]):
    """One call in a thread at a time, to a source that may hang for instance: nobody asks it again meanwhile."""

    def __init__(self) -> None:
        self._call: asyncio.Future[Value] | None = None
        self._work: Callable[[], Value] | None = None

    async def ask(self, work: Callable[[], Value], seconds: float) -> Value | None:
        """Return what ``work`` gives, None where it has not within ``seconds``: ask again to wait on.

        What other work gives, that was begun before, is waited for and not used: it began with another's memory.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while True:
            if self._call is None:
                self._work, self._call = work, asyncio.ensure_future(abandonable(work))
            await asyncio.wait({self._call}, timeout=until - clock())
            if not self._call.done():
                return None
            result, self._call = self._call.result(), None
            if self._work == work:
                return result
