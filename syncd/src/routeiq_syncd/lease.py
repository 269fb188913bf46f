"""The lease: who may publish, for how long a holder may believe it, and when a candidate may try.

The story
    Every syncd can fetch the configuration, and one is enough. The right to publish is a row in PostgreSQL, the
    **lease**: a holder, an **epoch** and an instant of expiry. Whoever finds it expired takes it in one statement that
    adds one to the epoch. The row is never deleted, so no epoch is ever used twice. The holder renews; a holder that
    stops on purpose lets the lease expire at once; one that dies lets it run out.

Two clocks
    The database alone decides what has expired, by its own clock. A replica's clock may be an hour off and it changes
    nothing. A holder only asks itself whether it may still *believe*: it counts from **before** it sent the question,
    on a clock that nobody sets and that runs while the machine sleeps, and stops a margin earlier than the database
    would. An answer that took long is thus worth less, never more. That span is the trust window.

The fence
    Believing is not enough. A holder can be stopped between looking at its clock and writing, for any length of
    time, and wake when another replica has published. So the window only saves useless work; what makes it
    correct is that a revision is recorded in one transaction that locks the lease row and finds holder, epoch and
    expiry right. A holder that wakes too late is refused by the database and becomes a candidate.

Dying
    A killed holder's connection closes at once while its lease runs on. A holder on a direct connection therefore
    **guards** its epoch: it holds a session lock that dies with the connection. A candidate that has seen an epoch
    guarded, and then no longer, may take the lease before it expires. If the holder was alive after all, it lost its
    connection; the fence keeps its next publish out.

Failing over
    A standby that is promoted may lack the last commits: a revision, an acquisition. So a term belongs to one server's
    history, its system identifier and timeline, which the lease row names. In another history the term is **void**: it
    is neither renewed nor published under, and any candidate may take the lease. The epochs that were lost with it are
    unknown, so each timeline has `EPOCH_GAP` epochs of its own.

Stepping aside
    A holder that reaches the database but not the source would keep the whole fleet at what it has. Where it could not
    read the source for two lengths of the lease while other replicas live, it lets the lease go, and stands aside for
    as long as they may take to try in turn. Aside, it takes only a lease that nobody else wants: one that has lain
    expired for a while. Where none of them can read the source, the lease goes round among them.

What this does not promise
    That two processes never both believe. They may, and it does no harm.

States are functions (`election`): a candidate returns a `Tenure`, which has a `Term`; holding consumes it. This
module holds what they decide by, and reads no clock: ``now`` is in seconds of that monotonic clock, and instants are
the database's.
"""

from dataclasses import dataclass, replace
from datetime import datetime

LONGEST_LEASE = 3600.0
SHORTEST_LEASE = 1.0
SHORTEST_RENEW = 0.1
MOST_STATEMENT_SECONDS = 5.0
UNWANTED_SECONDS = 10.0  # longer than any candidate takes to look, and to try
EPOCH_GAP = 1_000_000  # more take-overs than a standby can lag behind


@dataclass(frozen=True)
class Timing:
    """The lengths that a lease lives by, in seconds.

    Attributes:
        lease: how long a grant lasts.
        renew: how long after a grant the next is asked for.
    """

    lease: float = 30.0
    renew: float = 10.0

    @property
    def margin(self) -> float:
        """How much earlier than the database a holder stops believing: clocks differ in speed, and threads wait."""
        return 0.05 * self.lease

    @property
    def blind(self) -> float:
        """For how long a holder goes on without having read the source, where others could."""
        return 2 * self.lease

    @property
    def statement(self) -> float:
        """How long one statement may take, so that a renewal fits between two."""
        return min(MOST_STATEMENT_SECONDS, 0.8 * self.renew)


def timing_problem(timing: Timing, lease_name: str, renew_name: str) -> str | None:
    """Say in a sentence why the lengths cannot work, by the names of their settings; None where they can."""
    if not SHORTEST_LEASE <= timing.lease <= LONGEST_LEASE:
        return (
            f"{lease_name} must be from {SHORTEST_LEASE:g} to {LONGEST_LEASE:g} seconds: a shorter lease is lost to "
            "every pause, and a longer one keeps a dead holder's place."
        )
    # With a statement's and the margin's lengths this leaves room for a renewal that is answered late.
    if not SHORTEST_RENEW <= timing.renew <= timing.lease / 2:
        return (
            f"{renew_name} must be from {SHORTEST_RENEW:g} to half of {lease_name} (here {timing.lease / 2:g} "
            "seconds), so that a renewal that is answered late still comes before the lease runs out."
        )
    return None


@dataclass(frozen=True)
class Grant:
    """The database's yes to an acquisition or a renewal; ``expires_at`` by its clock, for people."""

    epoch: int
    expires_at: datetime


@dataclass(frozen=True)
class Lost:
    """The database's no: another epoch, or the term had expired. An expected outcome."""


@dataclass(frozen=True)
class Term:
    """One holder's unbroken time as the holder.

    Attributes:
        holder_id: the holder.
        epoch: its fencing token; every write names it.
        trusted_until: when it stops believing, in seconds of the holder's own monotonic clock.
        expires_at: the database's instant, for people.
    """

    holder_id: str
    epoch: int
    trusted_until: float
    expires_at: datetime


@dataclass(frozen=True)
class Lease:
    """The row as the database showed it.

    Attributes:
        holder_id, epoch: who has it, or had it last.
        remaining: seconds until it expires by the database's clock; 0 or less: expired.
        expires_at: the same as an instant, for people.
        guarded: a living connection held the session lock of this epoch.
        server: the history in which it was granted, empty where the server does not tell.
        void: the lease was granted in an earlier history of the database, before a failover.
    """

    holder_id: str
    epoch: int
    remaining: float
    expires_at: datetime
    guarded: bool = False
    server: str = ""
    void: bool = False


@dataclass(frozen=True)
class Try:
    """Try to acquire; ``deserted``: the epoch whose guard is gone, which may be taken before it expires."""

    deserted: int | None = None


@dataclass(frozen=True)
class Wait:
    """Another replica holds the lease for at most ``seconds`` more."""

    seconds: float


def begin(holder_id: str, grant: Grant, sent_at: float, timing: Timing) -> Term:
    """Begin a term that was granted; ``sent_at`` is when the question was sent, not when the answer came."""
    return Term(holder_id, grant.epoch, sent_at + timing.lease - timing.margin, grant.expires_at)


def extend(term: Term, grant: Grant, sent_at: float, timing: Timing) -> Term:
    """Extend a term by a renewal; a slow answer never shortens what an earlier one gave."""
    until = max(term.trusted_until, sent_at + timing.lease - timing.margin)
    return replace(term, trusted_until=until, expires_at=grant.expires_at)


def trusted(term: Term, now: float) -> bool:
    """Whether the holder may still believe, and so spend work on it."""
    return now < term.trusted_until


def consider(lease: Lease | None, seen_guarded: int | None, me: str, *, aside: bool = False) -> Try | Wait:
    """Decide what a candidate does about the row that it saw.

    Args:
        lease: the row; None where nobody ever had it.
        seen_guarded: the highest epoch that this candidate has seen guarded, None for none.
        me: the candidate's own id. A row that names it is one whose answer was lost, or whose term it gave up.
        aside: this candidate takes the lease only if no other replica wants it.
    """
    if aside and lease is not None and lease.remaining > -UNWANTED_SECONDS:
        return Wait(lease.remaining + UNWANTED_SECONDS)
    if lease is None or lease.void or lease.remaining <= 0 or lease.holder_id == me:
        return Try()
    if not lease.guarded and seen_guarded == lease.epoch:
        return Try(deserted=lease.epoch)
    return Wait(lease.remaining)
