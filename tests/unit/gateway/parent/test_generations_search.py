"""The parent's rules in every interleaving up to a bound, and in random walks."""

import inspect
from collections.abc import Callable, Mapping
from types import ModuleType

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from routeiq_gateway.parent import generations
from routeiq_gateway.parent.state import Pause, Rollout, State
from tests.support import gateway_world
from tests.support.gateway_world import World, serving, starting

SPACES: Mapping[str, tuple[Callable[[], World], int]] = {
    "nothing to serve yet": (lambda: starting(asks=0, moves=(2, -3)), 5),
    "orphans of an earlier parent serve": (lambda: starting(orphans=True, moves=(1,)), 5),
    "a refused revision and a last known good": (lambda: starting(current=-3, good=2, asks=0, moves=(4,)), 5),
    "a refused revision, and others that the fleet acked": (
        lambda: starting(current=-5, good=1, asks=0, acks=(2, 3), moves=(6,)),
        5,
    ),
    "two workers serve": (lambda: serving(asks=0, moves=(1, 3, -4)), 4),
    "a reload is under way": (lambda: serving(moves=(3, 4)).after("move", 3), 4),
    "candidates are tried": (lambda: serving(asks=0, trials=(3, 4, -5)), 3),
    "the disk fills": (lambda: starting(current=-3, good=2, disk=False, fills=True, moves=(4,)), 4),
    "the disk fills under two workers": (lambda: serving(fills=True, moves=(3, 0)), 3),
    "the disk fills under a trial": (lambda: serving(asks=0, fills=True, trials=(3,)), 4),
    "secrets change": (lambda: serving(asks=0, moves=(3, -4), sets=(1, 2)), 4),
    "secrets change under a refused revision": (lambda: serving(asks=0, moves=(-3,), sets=(1, 2)).after("move", -3), 4),
    "the gateway stops": (lambda: serving(moves=(3,)).after("stop", 0), 4),
}

MUTANTS: Mapping[str, tuple[str, str, str, str]] = {
    "nothing counts the replacements under way": (
        "range(missing - len(under_way))",
        "range(missing)",
        "two workers serve",
        "too many: 2 workers of a replacement",
    ),
    "worn workers are replaced whatever goes on": (
        "worn is not None and missing <= 0 and not under_way and not state.reloading",
        "worn is not None and not under_way",
        "two workers serve",
        "a worn worker is replaced while a reload is under way",
    ),
    "a worn worker is replaced while another is missing": (
        " and missing <= 0 and not under_way",
        " and not under_way",
        "two workers serve",
        "too many: 2 workers of a replacement",
    ),
    "a worn worker is replaced in a reload": (
        " and not under_way and not state.reloading",
        " and not under_way",
        "a reload is under way",
        "a worn worker is replaced while a reload is under way",
    ),
    "draining workers outlast a second stop": (
        'self.state.having("serving", "draining"), seconds',
        'self.state.having("serving"), seconds',
        "the gateway stops",
        "told to stop at once",
    ),
    "a second stop does nothing": (
        "            self._retire_all(0)\n",
        "",
        "the gateway stops",
        "told to stop at once",
    ),
    "a placeholder stands beside orphans": (
        "and not orphans ",
        "",
        "orphans of an earlier parent serve",
        "a placeholder comes up while orphans serve",
    ),
    "no start has a deadline": (
        "if self.now > rollout.deadline:",
        "if self.now < 0.0:",
        "a reload is under way",
        "is starting past its deadline",
    ),
    "a worker of a trial accepts": (
        'if rollout.purpose == "trial" and revision is not None:',
        "if self.now < 0.0:",
        "candidates are tried",
        "a worker of a trial accepts",
    ),
    "each new candidate begins a trial beside the one under way": (
        ' and not state.under_way("trial"):',
        ":",
        "candidates are tried",
        "too many: 2 workers of a trial",
    ),
    "a reload begins while many workers drain": (
        ">= self.settings.most_draining:",
        ">= 99:",
        "a reload is under way",
        "a reload begins although the most workers drain",
    ),
    "what is put off is tried at once": (
        "self.set(retry_at=self.state.pause.until + FIRST_DELAY * self.state.empty)",
        "self.set(retry_at=self.now)",
        "the disk fills under two workers",
        "spins: reload",
    ),
    "a trial on a full disk has no pause": (
        "        if event.passing:\n            self.pause(FIRST_DELAY)\n",
        "",
        "the disk fills under a trial",
        "spins: read trial",
    ),
    "what was refused is fallen back to again": (
        "known.without(digest) if",
        "known if",
        "a refused revision and a last known good",
        "spins: fallback 2.0",
    ),
    "a worker that hangs is killed before another accepts": (
        '        if worker.state == "draining":\n            self.kill([worker])',
        "        self.kill([worker])",
        "two workers serve",
        "were given up for less",
    ),
    "a worker that hangs drains": (
        '        if worker.state == "draining":\n            self.kill([worker])',
        "",
        "a reload is under way",
        "hangs and may drain",
    ),
    "new secrets are not seen": (
        "(tick.current, tick.secrets) == (state.current, state.secrets)",
        "tick.current == state.current",
        "secrets change",
        "secret set 1 is not taken up",
    ),
    "a refused revision keeps new secrets from use": (
        'self.do(actions.Read("reload", rotating.target))',
        "pass",
        "secrets change under a refused revision",
        "revision 3 keeps secret set 1 from use",
    ),
    "secrets that were refused are tried again": (
        "            self.set(unfit=self.state.secrets)\n",
        "",
        "secrets change",
        "spins: reload 2.1",
    ),
    "a revision is told as refused for new secrets": (
        "(rotating := self.state.rotating) is not None and rotating.number == number",
        "(rotating := self.state.rotating) is not None and rotating.number == -1",
        "secrets change",
        "which is served, is told as refused",
    ),
    "a fallback to a full disk has no pause": (
        "        if event.passing:\n            self.pause(FIRST_DELAY)\n",
        "",
        "the disk fills",
        "spins: read fallback",
    ),
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
    """Deaths, refusals, time-outs, outages, failing forks, full disks, stops: no serving worker is given up for less.

    Nor does readiness span two revisions, a failed start or read spin, or an acked number fall. No more workers come
    up than are wanted, none past its deadline. From every state a stop ends with no process left.
    """
    begin, depth = SPACES[space]
    problem, seen = search(begin(), depth)
    assert problem is None
    assert seen > 250


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_search_finds_each_broken_rule(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one rule taken out of `generations`, the search finds the invariant that the rule keeps."""
    rule, broken, space, expected = MUTANTS[mutant]
    source = inspect.getsource(generations)
    assert source.count(rule) == 1, "the rule's text has changed: name the new text here"
    module = ModuleType("mutant")
    exec(source.replace(rule, broken), module.__dict__)  # noqa: S102 - the source is ours
    monkeypatch.setattr(gateway_world, "step", module.step)
    begin, depth = SPACES[space]
    problem, _ = search(begin(), depth)
    assert expected in str(problem)


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

    world = serving(moves=(3,))
    monkeypatch.setattr(State, "complete", hasty)
    problem, _ = search(world, 4)
    assert "were given up for less" in str(problem)


def test_a_failure_without_a_pause_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the pause a start that fails is tried again at once, for ever."""
    monkeypatch.setattr(Pause, "after", lambda _pause, now, *, first: Pause(0.0, now + 0 * first))
    problem, _ = search(serving(asks=0), 4)
    assert "spins: replacement 2.0" in str(problem)


class Walk(RuleBasedStateMachine):
    """A long random walk through the same world."""

    def __init__(self) -> None:
        super().__init__()
        self.world: World = starting(
            current=1, good=1, orphans=True, moves=(2, -3, 4, -5, 6), trials=(3, 7, -8), asks=5, fills=True, sets=(1, 2)
        )

    @rule(choice=st.integers(min_value=0, max_value=1000))
    def act(self, choice: int) -> None:
        """Something happens."""
        choices = self.world.choices()
        self.world = self.world.after(*choices[choice % len(choices)])

    @rule()
    def settle(self) -> None:
        """Whoever starts becomes ready, and time passes."""
        while starts := [one.number for one in self.world.processes if one.doing == "starting"]:
            self.world = self.world.after("ready", starts[0])  # which may end the others
        self.world = self.world.after("long tick", 0)

    @invariant()
    def nothing_is_wrong(self) -> None:
        """What holds in the search holds here."""
        assert self.world.broken is None
        assert self.world.endless() is None


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
