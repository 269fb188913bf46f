"""A stop is a cancellation, and none may be lost."""

import asyncio
import threading

import pytest

from routeiq_syncd.runtime.turns.waiting import abandonable, completed, woken


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


def test_a_thread_is_abandoned_by_a_stop_and_ends_in_peace(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the cancellation nor the end of the loop waits for it, and its late result disturbs nobody."""
    begun, gate = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def work() -> None:
        threads.append(threading.current_thread())
        begun.set()
        gate.wait(10)

    async def story() -> None:
        task = asyncio.create_task(abandonable(work))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    assert threads[0].is_alive()
    gate.set()
    threads[0].join(10)
    assert caplog.records == []


def test_a_fault_in_a_thread_reaches_the_loop() -> None:
    """Whatever it is, and whichever way the thread is waited for."""

    def work() -> None:
        raise SystemError("a fault")

    for way in (abandonable, completed):
        with pytest.raises(SystemError):
            asyncio.run(way(work))


def test_what_is_completed_is_not_abandoned_by_a_stop() -> None:
    """The cancellation takes effect when the thread has ended."""
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        gate.wait(10)
        ended.set()

    async def story() -> None:
        task = asyncio.create_task(completed(work))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    asyncio.run(story())
