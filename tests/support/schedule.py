"""What random faults happen to a fleet, when and to whom: a pure function of a seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

CALM = "calm"
CALM_EVERY = 25.0
FAULTS = (
    "database restarted",
    "link closed",
    "link cut",
    "link stalled",
    "process killed",
    "process paused",
    "process replaced",
    "process stopped",
    "refused change",
    "source closed",
    "source errs",
    "source stalled",
)
CHANGE = "change"
# Changes come more often than any one fault, so that there is something to lose.
KINDS = (*FAULTS, CHANGE, CHANGE, CHANGE)
SUPERVISED_FAULTS = (
    "database failed over",
    "database restarted",
    "gateway killed",
    "gateway paused",
    "gateway reloaded",
    "link closed",
    "link cut",
    "link stalled",
    "provider hung",
    "provider slow",
    "refused by gateways",
    "refused change",
    "replica killed",
    "replica replaced",
    "replica stopped",
    "source closed",
    "source errs",
    "source stalled",
    "supervisord paused",
    "syncd killed",
    "syncd paused",
    "worker killed",
    "worker killed",
    "worker paused",
)
"""What happens to whole replicas under supervisord. A replica has one worker, whose end is what costs requests."""
SUPERVISED_KINDS = (*SUPERVISED_FAULTS, *(CHANGE,) * 5)
SUPERVISED_PAUSE = (0.5, 3.0)
SUPERVISED_CALM_EVERY = 40.0


@dataclass(frozen=True)
class Step:
    """One thing that happens.

    Attributes:
        at: seconds after the beginning, calms not counted.
        kind: one of the kinds that the schedule was made of, or ``CALM``.
        target: the replica, where the kind has one.
        seconds: how long it lasts.
    """

    at: float
    kind: str
    target: int
    seconds: float


def schedule(
    seed: int,
    seconds: float,
    replicas: int,
    kinds: Sequence[str] = KINDS,
    *,
    pause: tuple[float, float] = (0.2, 1.8),
    calm_every: float = CALM_EVERY,
) -> tuple[Step, ...]:
    """Return what happens in ``seconds`` to so many replicas, ordered by time; it ends with a calm.

    Args:
        seed: of the chance; the same one gives the same schedule.
        seconds: how long it lasts, calms not counted.
        replicas: how many targets there are.
        kinds: what may happen, as often as it stands there.
        pause: the shortest and the longest time between two steps, in seconds.
        calm_every: seconds between two calms.
    """
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    steps, at, calm = [], 0.0, calm_every
    while True:
        at += chance.uniform(*pause)
        if at >= min(calm, seconds):
            steps.append(Step(min(calm, seconds), CALM, 0, 0.0))
            if calm >= seconds:
                return tuple(steps)
            at, calm = calm, calm + calm_every
            continue
        length = round(chance.choice((0.3, 1.0, 2.5, 4.0)) * chance.uniform(0.7, 1.3), 3)
        steps.append(Step(round(at, 3), chance.choice(kinds), chance.randrange(replicas), length))


def supervised_schedule(seed: int, seconds: float, replicas: int) -> tuple[Step, ...]:
    """Return what happens to whole replicas, as `schedule` does, at a pace at which they can reload and start."""
    return schedule(seed, seconds, replicas, SUPERVISED_KINDS, pause=SUPERVISED_PAUSE, calm_every=SUPERVISED_CALM_EVERY)
