"""Waiting: for events, for threads, for loops that must not end."""

import asyncio
import contextlib
import errno
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Value = TypeVar("Value")


async def woken(event: asyncio.Event, seconds: float) -> None:
    """Wait for ``event`` for at most ``seconds``. `asyncio.wait_for` of Python 3.11 can lose a cancellation."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def endless(loop: Awaitable[None]) -> None:
    """Run a loop that only a cancellation may end.

    Raises:
        RuntimeError: the loop ended by itself.
    """
    await loop
    raise RuntimeError("a loop ended that must not end")


class NoThreadError(OSError):
    """The system has no thread to give now; the work was not begun."""

    def __init__(self) -> None:
        super().__init__(errno.EAGAIN, "no thread can be started: raise the limit of processes, or end some")


async def abandonable(work: Callable[[], Value]) -> Value:
    """Run ``work`` in a thread that neither a cancellation nor the end of the process waits for.

    Raises:
        NoThreadError: there is no thread to be had.
    """
    future: Future[Value] = Future()
    future.set_running_or_notify_cancel()  # so that a cancellation leaves it to the thread

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - handed to the awaiting loop, which ends the process
            future.set_exception(error)

    try:
        threading.Thread(target=run, name="work", daemon=True).start()
    except RuntimeError:
        raise NoThreadError from None
    return await asyncio.wrap_future(future)


async def completed(work: Callable[[], Value]) -> Value:
    """Run ``work`` in a thread to its end; a cancellation takes effect afterwards.

    The thread is one of its own: a pool that finds no thread would keep the work, and run it when nobody waits for it.

    Raises:
        NoThreadError: there is no thread to be had.
    """
    task = asyncio.ensure_future(abandonable(work))
    try:
        return await asyncio.shield(task)
    finally:
        await asyncio.wait({task})


class Asked(Generic[Value]):
    """Runs one call in a thread at a time. While a call hangs, as that of a source may, no other call is started."""

    def __init__(self) -> None:
        self._call: asyncio.Future[Value] | None = None
        self._work: Callable[[], Value] | None = None

    async def ask(self, work: Callable[[], Value], seconds: float) -> Value | None:
        """Return the result of ``work``, None where it has none within ``seconds``: call again to wait on.

        A call of other work that was begun before is waited for, and its result is dropped: it began with the memory
        of another caller.

        Raises:
            NoThreadError: there is no thread to be had.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while True:
            if self._call is None:
                self._work, self._call = work, asyncio.ensure_future(abandonable(work))
            await asyncio.wait({self._call}, timeout=until - clock())
            if not self._call.done():
                return None
            call, self._call = self._call, None
            result = call.result()
            if self._work == work:
                return result
