"""A checker of what happened to a fleet: pure, over recorded events, against the invariants by number.

Events come in the order in which they happened, as far as one recorder can tell: those of the database in the order of
the lease row's lock, those of one volume in the order in which they were seen.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.support.request_history import Asked, Down, WorkerKilled, lost


@dataclass(frozen=True)
class Put:
    """A configuration was put at the source; ``good``: syncd takes it; ``served``: gateways take it too."""

    digest: str
    good: bool = True
    served: bool = True


@dataclass(frozen=True)
class Granted:
    """The lease row got a new epoch."""

    epoch: int
    holder: str


@dataclass(frozen=True)
class Recorded:
    """A revision was inserted, naming ``epoch`` and ``holder``; the rest is the lease row at that moment.

    Attributes:
        remaining: seconds for which the lease still ran, by the database's clock.
        action: ``publish`` for what came from the source, else what an operator asked for.
        passed: the digest that the revision before it passes over, empty for none.
    """

    number: int
    digest: str
    epoch: int
    holder: str
    row_epoch: int
    row_holder: str
    remaining: float
    action: str = "publish"
    passed: str = ""


@dataclass(frozen=True)
class Pinned:
    """The fleet was pinned to a digest, or, where that is empty, unpinned."""

    digest: str


@dataclass(frozen=True)
class Commanded:
    """A request was answered with an HTTP code; ``at`` is the number that the answer names, 0 for none."""

    action: str
    code: int
    at: int


@dataclass(frozen=True)
class Served:
    """What ``current`` of a volume named; number 0: nothing.

    Attributes:
        whole: every file was what the manifest says.
        epoch: the publisher's; 0 for content fetched while the database was away, whose number nobody recorded.
    """

    replica: str
    number: int
    digest: str = ""
    whole: bool = True
    epoch: int = 1


@dataclass(frozen=True)
class Answered:
    """A replica answered a probe."""

    replica: str
    probe: str
    code: int


@dataclass(frozen=True)
class Serving:
    """What a gateway says that it serves; ``instance`` names one life of its parent."""

    replica: str
    instance: str
    number: int
    digest: str


@dataclass(frozen=True)
class Ended:
    """A program ended that nobody had ended, or not as it was told to; ``code`` as supervisord or Python tells it."""

    replica: str
    code: int | str
    program: str = "syncd"


@dataclass(frozen=True)
class Ready:
    """Whether a replica that was started was ready after a fair time, with what is outside healed."""

    replica: str
    ok: bool


@dataclass(frozen=True)
class Ledger:
    """The rows of a ledger of migrations: the name, and whether it says that the migration was applied."""

    rows: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Shown:
    """A secret, by what it is for, stood where anyone may read."""

    secret: str
    where: str


@dataclass(frozen=True)
class Calm:
    """All faults were healed, ``digest`` was put last, and after a fair time the replicas served these digests."""

    digest: str
    served: tuple[tuple[str, str], ...]


Event = (
    Put
    | Granted
    | Recorded
    | Pinned
    | Commanded
    | Served
    | Answered
    | Serving
    | Ended
    | Ready
    | Ledger
    | Shown
    | Calm
    | Asked
    | WorkerKilled
    | Down
)


def wrong(events: Iterable[Event]) -> list[str]:
    """Return a sentence for each violation, which begins with the number of the invariant; empty for none."""
    history = list(events)
    return [
        *_fenced(event for event in history if isinstance(event, Recorded)),
        *_rising("2: epoch", [event.epoch for event in history if isinstance(event, Granted)]),
        *_rising("3: revision", [event.number for event in history if isinstance(event, Recorded)]),
        *_volumes(history),
        *_contents(history),
        *_kept_back(history),
        *_asked(history),
        *_calm(event for event in history if isinstance(event, Calm)),
        *_survival(history),
        *lost(history),
        *_gateways(history),
        *_ledgers(event for event in history if isinstance(event, Ledger)),
        *(f"10: the {event.secret} stands in {event.where}" for event in history if isinstance(event, Shown)),
    ]


def _fenced(recorded: Iterable[Recorded]) -> Iterator[str]:
    for event in recorded:
        if (event.epoch, event.holder) != (event.row_epoch, event.row_holder):
            yield (
                f"1: revision {event.number} names epoch {event.epoch} of {event.holder} while epoch {event.row_epoch} "
                f"of {event.row_holder} had the lease"
            )
        elif event.remaining <= 0:
            yield f"1: revision {event.number} was recorded {-event.remaining:.3f} s after the lease expired"


def _rising(what: str, numbers: list[int]) -> Iterator[str]:
    for before, after in itertools.pairwise(numbers):
        if after <= before:
            yield f"{what} {after} came after {before}"


def _volumes(history: list[Event]) -> Iterator[str]:
    recorded = {event.number: event.digest for event in history if isinstance(event, Recorded)}
    last: dict[str, int] = {}
    for event in history:
        if not isinstance(event, Served):
            continue
        before = last.get(event.replica, 0)
        if event.number == 0:
            if before:
                yield f"7: replica {event.replica} served nothing after revision {before}"
            continue
        if event.number < before:
            yield f"3: replica {event.replica} went from revision {before} to {event.number}"
        if not event.whole:
            yield f"4: replica {event.replica} showed revision {event.number} while it was not whole"
        if event.epoch and recorded.get(event.number, event.digest) != event.digest:
            yield f"4: replica {event.replica} showed other content than was recorded as revision {event.number}"
        last[event.replica] = event.number


def _contents(history: list[Event]) -> Iterator[str]:
    good = {event.digest for event in history if isinstance(event, Put) and event.good}
    for event in history:
        if isinstance(event, Recorded) and event.digest not in good:
            yield f"6: revision {event.number} has content that is refused, or that nobody put"
        if isinstance(event, Served) and event.number and event.digest not in good:
            yield f"6: replica {event.replica} served content that is refused, or that nobody put"


def _kept_back(history: list[Event]) -> Iterator[str]:
    pinned = ""
    for event in history:
        if isinstance(event, Pinned):
            pinned = event.digest
        if not isinstance(event, Recorded):
            continue
        if pinned and event.digest != pinned and event.action != "pin":
            yield f"12: revision {event.number} was recorded by {event.action} while other content was pinned"
        if event.action == "publish" and event.passed == event.digest:
            yield f"12: revision {event.number} was published over the rollback that passes it over"


def _asked(history: list[Event]) -> Iterator[str]:
    """A rollback that was answered with its number was recorded, once; one that was refused was not."""
    recorded = {event.number for event in history if isinstance(event, Recorded) and event.action == "rollback"}
    done = {
        event.at
        for event in history
        if isinstance(event, Commanded) and event.action == "rollback" and event.code == 200
    }
    for number in sorted(done - recorded):
        yield f"12: a rollback was answered with revision {number}, which nobody recorded"


def _calm(calms: Iterable[Calm]) -> Iterator[str]:
    for event in calms:
        for replica, digest in event.served:
            if digest != event.digest:
                yield f"5: replica {replica} did not come to serve the desired revision, with every fault healed"


def _survival(history: list[Event]) -> Iterator[str]:
    for event in history:
        if isinstance(event, Ended):
            yield f"7: the {event.program} of replica {event.replica} ended by itself with code {event.code}"
        if isinstance(event, Answered) and event.code != 200:
            yield f"7: replica {event.replica} answered {event.probe} with {event.code}"
        if isinstance(event, Ready) and not event.ok:
            yield f"11: replica {event.replica} started and found nothing to serve"


def _gateways(history: list[Event]) -> Iterator[str]:
    good = {event.digest for event in history if isinstance(event, Put) and event.good and event.served}
    last: dict[tuple[str, str], int] = {}
    for event in history:
        if isinstance(event, Asked) and event.digest and event.digest not in good:
            yield f"6: a client of replica {event.replica} was answered by content that is refused, or that nobody put"
        if not isinstance(event, Serving):
            continue
        life = (event.replica, event.instance)
        if event.digest not in good:
            yield f"6: the gateway of replica {event.replica} served content that is refused, or that nobody put"
        if event.number < last.get(life, 0):
            yield f"3: the gateway of replica {event.replica} went from revision {last[life]} to {event.number}"
        last[life] = event.number


def _ledgers(ledgers: Iterable[Ledger]) -> Iterator[str]:
    for ledger in ledgers:
        names = [name for name, _ in ledger.rows]
        for name in sorted(set(names)):
            if names.count(name) > 1:
                yield f"9: migration {name} was applied {names.count(name)} times"
        for name, applied in ledger.rows:
            if not applied:
                yield f"9: the ledger does not say that migration {name} was applied"
