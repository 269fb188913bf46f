"""A worker's event loop: a call that only prepares a request runs on the loop itself.

``litellm.acompletion`` hands each chat completion to the loop's default executor to be prepared, because for some
providers preparing asks the network: for a token, a prompt, an image. For most requests it computes for a millisecond
and returns a coroutine. A thread gains nothing there, as the thread holds the interpreter's lock all the while, and
costs more than the work: it runs on another core, whose caches hold none of the code, and its result has to wake the
loop.

So a call that :func:`.only_prepares` knows to compute only is run at once, and any other call by a thread. Should such
a call take long after all, the loop was held up that once: for a while threads run every call, and the log says so.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

import uvloop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LONGEST_HERE = 0.1
"""Seconds that a call may hold the loop up before such calls go to threads."""
AWAY = 60.0
"""Seconds for which such calls then go to threads."""


class Loop(uvloop.Loop):
    """uvloop's loop, which itself runs some of the calls meant for a thread.

    Args:
        prepares: whether a call only computes.
        slow: called after a call that took long, with the seconds it took.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        prepares: Callable[[object], bool],
        slow: Callable[[float], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._clock = clock
        self._prepares = prepares
        self._slow = slow
        self._away_until = float("-inf")

    def run_in_executor(  # type: ignore[override]  # uvloop's stub says coroutine; uvloop returns a future
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """Run ``func`` here where it only computes, else as uvloop does.

        The contract is asyncio's: the work has begun when this returns, and a future says how it ends, whether anybody
        waits for it or not (https://docs.python.org/3/library/asyncio-eventloop.html#asyncio.loop.run_in_executor).

        Raises:
            RuntimeError: the loop is closed; uvloop raises it.
        """
        started = self._clock()
        if executor is not None or args or started < self._away_until or self.is_closed() or not self._prepares(func):
            return super().run_in_executor(executor, func, *args)  # type: ignore[return-value]  # the same stub
        ended: asyncio.Future[T] = self.create_future()
        try:
            ended.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - as in a thread: every exception belongs to the future
            ended.set_exception(error)
        took = self._clock() - started
        if took > LONGEST_HERE:
            self._away_until = started + took + AWAY
            self._slow(took)
        return ended
