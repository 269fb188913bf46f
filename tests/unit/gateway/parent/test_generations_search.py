"""The parent's rules in every interleaving up to a bound, and in random walks."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from routeiq_gateway.parent.state import Pause, Rollout, State
from tests.support.gateway_world import World, serving, starting

SPACES: Mapping[str, tuple[Callable[[], World], int]] = {
    "nothing to serve yet": (lambda: starting(moves=(2, -3)), 6),
    "orphans of an earlier parent serve": (lambda: starting(orphans=True, moves=(1,)), 6),
    "a refused revision and a last known good": (lambda: starting(current=-3, good=2, moves=(4,)), 5),
    "two workers serve": (lambda: serving(moves=(1, 3, -4)), 4),
    "a reload is under way": (lambda: serving(moves=(3, 4)).after("move", 3), 4),
}


def search(world: World, depth: int) -> tuple[str | None, int]:
    """Look at every world that ``depth`` actions lead to; the first broken invariant, and how many were seen."""
    seen = {world.essence()}
    edge: list[tuple[tuple[tuple[str, int], ...], World]] = [((), world)]
    for _ in range(depth):
        coming = []
        for path, here in edge:
            for action in here.choices():
                there = here.after(*action)
                essence = there.essence()
                if essence in seen:
                    continue
                problem = there.broken or there.endless()
                if problem:
                    return f"{problem} after {[*path, action]}", len(seen)
                seen.add(essence)
                coming.append(((*path, action), there))
        edge = coming
    return None, len(seen)


@pytest.mark.parametrize("space", SPACES)
def test_no_interleaving_breaks_an_invariant(space: str) -> None:
    """Deaths, refusals, time-outs, outages, failing forks, stops, changes: no serving worker is given up for less.

    Nor does readiness span two revisions, or a failed start spin, or an acked number fall; and from every state a
    stop ends with no process left.
    """
    begin, depth = SPACES[space]
    problem, seen = search(begin(), depth)
    assert problem is None
    assert seen > 250


def test_a_reload_that_leaves_replacements_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule that a finished reload ends the replacements under way, workers on two revisions accept."""
    monkeypatch.setattr(State, "superseded_by", lambda _state, _rollout: ())
    problem, _ = search(serving(moves=(3,)).after("die", 1), 4)
    assert problem is not None
    assert "spans revisions [2, 3]" in problem


def test_a_swap_before_all_are_ready_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule that a rollout is complete when all its workers are ready, serving workers go for less."""

    def hasty(state: State, rollout: Rollout) -> bool:
        return any(worker.number in rollout.workers for worker in state.having("ready"))

    monkeypatch.setattr(State, "complete", hasty)
    problem, _ = search(serving(moves=(3,)), 4)
    assert "were given up for less" in str(problem)


def test_a_failure_without_a_pause_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pause a start that fails is tried again at once, for ever."""
    monkeypatch.setattr(Pause, "after", lambda _pause, now, *, first: Pause(0.0, now + 0 * first))
    problem, _ = search(serving(asks=0), 4)
    assert "spins: replacement 2" in str(problem)


class Walk(RuleBasedStateMachine):
    """A long random walk through the same world."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World = starting(current=1, good=1, orphans=True, moves=(2, -3, 4, -5, 6), asks=5)

    @rule(choice=st.integers(min_value=0, max_value=1000))
    def act(self, choice: int) -> None:
        """Something happens."""
        choices = self.world.choices()
        self.world = self.world.after(*choices[choice % len(choices)])

    @rule()
    def settle(self) -> None:
        """Whoever starts becomes ready, and time passes."""
        for process in self.world.processes:
            if process.doing == "starting":
                self.world = self.world.after("ready", process.number)
        self.world = self.world.after("long tick", 0)

    @invariant()
    def nothing_is_wrong(self) -> None:
        """What holds in the search holds here."""
        assert self.world.broken is None
        assert self.world.endless() is None


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
