"""Who is silent for too long hangs."""

import os
import socket
from collections.abc import Iterator

import pytest

from routeiq_gateway.runtime.notify import Notifier
from routeiq_gateway.supervision.watchdog import LONGEST_GAP, START_SECONDS, Watchdog

OTHER = 2**22 + 1
"""A process id that no process has."""


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    """A watchdog that has looked at the second 0."""
    made = Watchdog()
    made.hung([], 0.0)
    yield made
    made.ear.close()


def silent_until(watchdog: Watchdog, pids: list[int], now: float) -> tuple[float, list[int]]:
    """Look every five seconds from ``now`` on; the first look that finds a hang, and who hangs."""
    while not (hung := watchdog.hung(pids, now)):
        now += 5.0
    return now, hung


def test_who_falls_silent_hangs_after_the_time_that_it_gave(watchdog: Watchdog) -> None:
    """This process says that it works for 45 s; the other one has never said a word."""
    Notifier(watchdog.address).works(within=45.0)
    assert silent_until(watchdog, [os.getpid()], 0.0) == (50.0, [os.getpid()])


def test_a_start_has_a_longer_time(watchdog: Watchdog) -> None:
    """A process that has not said anything yet."""
    assert silent_until(watchdog, [OTHER], 0.0) == (START_SECONDS + 5.0, [OTHER])


def test_nobody_speaks_for_another(watchdog: Watchdog) -> None:
    """The kernel says who sent it, and a text that is no sign of life is none."""
    Notifier(watchdog.address).works(within=1000.0)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.sendto(b"READY=1\nWATCHDOG_USEC=1", watchdog.address.replace("@", "\0"))
    assert silent_until(watchdog, [OTHER, os.getpid()], 0.0) == (START_SECONDS + 5.0, [OTHER])


def test_what_kept_supervisord_itself_from_looking_is_no_hang(watchdog: Watchdog) -> None:
    """A container that was frozen for an hour: its programs get nearly all of their time again."""
    Notifier(watchdog.address).works(within=LONGEST_GAP + 5.0)
    assert watchdog.hung([os.getpid()], 1.0) == []
    assert watchdog.hung([os.getpid()], 3601.0) == []


def test_a_new_process_of_a_number_that_was_used_begins_anew(watchdog: Watchdog) -> None:
    """A process that ended is forgotten."""
    silent_until(watchdog, [OTHER], 0.0)
    assert watchdog.hung([], 200.0) == []
    assert watchdog.hung([OTHER], 205.0) == []


def test_a_supervisor_that_does_not_listen_holds_nobody_up(watchdog: Watchdog) -> None:
    """The queue of its socket is full, or it is gone: the words are dropped. They are seldom said, too."""
    notifier = Notifier(watchdog.address)
    for number in range(10_000):
        notifier.works(within=30.0 + number)
    watchdog.ear.close()
    notifier.works(within=1.0)
    Notifier(None).works(within=1.0)
