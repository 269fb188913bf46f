"""The lease's rules: by example, in every interleaving up to a bound, and in random walks."""

from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from routeiq_syncd.lease import Grant, Lease, Timing, Try, Wait, begin, consider, extend, timing_problem, trusted
from tests.support.lease_world import Actor, World

AT = datetime(2026, 11, 22, tzinfo=UTC)
GUIDE = Timing()
UNSEEDED = 6


def test_a_slow_answer_does_not_stretch_the_trust_window() -> None:
    """It counts from before the question, less the margin; what an answer gave, a later one does not take."""
    term = begin("me", Grant(7, AT), 100.0, GUIDE)
    assert (term.epoch, term.trusted_until) == (7, 128.5)
    assert trusted(term, 128.4)
    assert not trusted(term, 128.5)
    assert extend(term, Grant(7, AT), 110.0, GUIDE).trusted_until == 138.5
    assert extend(term, Grant(7, AT), 90.0, GUIDE).trusted_until == 128.5


@pytest.mark.parametrize(
    ("lease", "seen", "expected"),
    [
        (None, None, Try()),
        (Lease("other", 3, 0.0, AT), None, Try()),
        (Lease("me", 3, 9.0, AT), None, Try()),
        (Lease("other", 3, 9.0, AT), None, Wait(9.0)),
        (Lease("other", 3, 9.0, AT), 2, Wait(9.0)),
        (Lease("other", 3, 9.0, AT, guarded=True), 3, Wait(9.0)),
        (Lease("other", 3, 9.0, AT, guarded=True, void=True), 3, Try()),
        (Lease("other", 3, 9.0, AT), 3, Try(deserted=3)),
    ],
)
def test_a_candidate_tries_when_it_may(lease: Lease | None, seen: int | None, expected: Try | Wait) -> None:
    """Expired, void, its own, or deserted: the same epoch was seen guarded before. Anything else waits."""
    assert consider(lease, seen, "me") == expected


@pytest.mark.parametrize("lease", [Lease("other", 3, -9.9, AT), Lease("me", 3, 0.0, AT), Lease("other", 3, 9.0, AT)])
def test_one_that_stands_aside_takes_what_nobody_wants(lease: Lease) -> None:
    """Neither an expired, its own, nor a deserted lease, until it has lain expired for longer than others would let."""
    assert isinstance(consider(lease, 3, "me", aside=True), Wait)
    assert consider(lease, 3, "me", aside=False) != Wait(lease.remaining)
    assert consider(Lease("other", 3, -10.0, AT), None, "me", aside=True) == Try()


def test_every_timing_that_passes_leaves_room_for_a_late_renewal() -> None:
    """Renewal, a whole statement and the margin fit into the lease."""
    assert timing_problem(GUIDE, "LEASE", "RENEW") is None
    for lease in (1.0, 2.0, 4.0, 12.0, 30.0, 3600.0):
        for renew in (0.1, lease / 3, lease / 2):
            timing = Timing(lease, renew)
            assert timing_problem(timing, "LEASE", "RENEW") is None
            assert timing.renew + timing.statement + timing.margin < timing.lease
        assert "RENEW must be from" in str(timing_problem(Timing(lease, lease * 0.51), "LEASE", "RENEW"))
    assert "LEASE must be from" in str(timing_problem(Timing(0.9, 0.1), "LEASE", "RENEW"))


def search(world: World, depth: int) -> tuple[str | None, int]:
    """Look at every world that ``depth`` actions lead to; the first broken invariant, and how many were seen."""
    seen = {world}
    edge = [world]
    for _ in range(depth):
        coming = []
        for here in edge:
            for action in here.actions():
                there = here.after(*action)
                if there not in seen:
                    if there.wrong():
                        return there.wrong(), len(seen)
                    seen.add(there)
                    coming.append(there)
        edge = coming
    return None, len(seen)


def believing(*, fence: bool) -> World:
    """A world in which the first actor holds the lease and is about to publish."""
    world = World(fence=fence).after("acquire", 0).after("get ready", 0)
    assert world.actors[0].ready
    return world


def test_no_interleaving_breaks_an_invariant() -> None:
    """Three candidates; every order of expiry, pause, lost answer, cut and publish, up to a bound."""
    assert search(World(), UNSEEDED)[0] is None
    two = World(actors=(Actor("a"), Actor("b")))
    wrong, seen = search(two, 7)
    assert wrong is None
    assert seen > 5_000
    assert search(believing(fence=True), 5)[0] is None


def test_without_the_fence_a_holder_that_slept_does_harm() -> None:
    """The same search finds it: believing is not enough."""
    wrong, _ = search(believing(fence=False), 5)
    assert wrong is not None
    assert "an epoch that was over" in wrong
    wrong, _ = search(World(fence=False), UNSEEDED)
    assert "an epoch that was over" in str(wrong), "three candidates from nothing, to the same bound as with the fence"


def failing_over(*, gap: bool = True) -> World:
    """A world with a standby that has replayed the first acquisition."""
    return World(actors=(Actor("a"), Actor("b")), standby=True, gap=gap).after("acquire", 0).after("replay", 0)


def test_a_standby_that_lags_brings_no_epoch_back() -> None:
    """Failed over at any moment, to any state that was replayed; without the step over lost epochs one returns."""
    assert search(failing_over(), 6)[0] is None
    wrong, _ = search(failing_over(gap=False), 6)
    assert "an epoch was used twice" in str(wrong)


class Walk(RuleBasedStateMachine):
    """A long random walk through the same world."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(standby=True)

    @rule(choice=st.integers(min_value=0, max_value=1000))
    def act(self, choice: int) -> None:
        """Something happens."""
        actions = self.world.actions()
        self.world = self.world.after(*actions[choice % len(actions)])

    @rule(seconds=st.integers(min_value=1, max_value=5))
    def sleep(self, seconds: int) -> None:
        """Everybody is paused."""
        for _ in range(seconds):
            self.world = self.world.after("tick", 0)

    @invariant()
    def nothing_is_wrong(self) -> None:
        """Epochs and numbers rise, and no revision names an epoch that was over."""
        assert self.world.wrong() is None


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
