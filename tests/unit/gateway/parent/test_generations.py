"""The parent's rules by example. The search in `test_generations_search` looks at every order of events."""

import itertools
from dataclasses import replace

import pytest

from routeiq_gateway.parent import actions, events
from routeiq_gateway.parent.actions import Do, Send
from routeiq_gateway.parent.state import FIRST_DELAY, FLUSH_SECONDS, LONGEST_DELAY, Pause, State, WorkerState
from routeiq_gateway.settings import IDLE_AT_STOP
from tests.support.gateway_invariants import LIMITS
from tests.support.gateway_steps import IN_A_RELOAD, take
from tests.support.gateway_world import revision, serving, starting

NEXT = revision(3)


def reloading() -> State:
    """A gateway that serves revision 2 with workers 1 and 2 and brings up 3 and 4 on revision 3, for an asker."""
    state = serving().state
    asked = events.ReloadAsked((1, 7), "revisions/3")
    return take(state, asked, events.Tick("revisions/3"), events.Staged("reload", NEXT))[0]


def told(outcome: str, **fields: object) -> Send:
    """The answer to the asker of `reloading`."""
    return Send(1, "reloaded", {"id": 7, "result": outcome, **fields})


def test_deaths_in_a_row_wait_longer() -> None:
    """A crash loop backs off up to a limit; a death after a calm is answered at once."""
    pause = Pause()
    delays = []
    for second in range(10):
        pause = pause.after(float(second), first=0.0)
        delays.append(pause.delay)
    assert delays[:4] == [0.0, FIRST_DELAY, 2 * FIRST_DELAY, 4 * FIRST_DELAY]
    assert max(delays) == LONGEST_DELAY
    assert pause.after(1000.0, first=0.0).delay == 0.0


def test_new_workers_accept_and_old_ones_drain_in_one_step() -> None:
    """Not before the last new worker is ready; then ack, publish, and the answer to whoever asked."""
    state, wanted = take(reloading(), events.Ready(4))
    assert not wanted
    state, wanted = take(state, events.Ready(3))
    assert wanted == [
        Send(3, "accept"),
        Send(4, "accept"),
        Send(1, "drain", IN_A_RELOAD),
        Send(2, "drain", IN_A_RELOAD),
        actions.Ack(NEXT),
        Do.PUBLISH,
        told("ack", number=3, digest=NEXT.digest, seconds=0.0),
    ]
    assert [worker.kill_at for worker in state.having("draining")] == [100.0 + LIMITS.drain + FLUSH_SECONDS] * 2


@pytest.mark.parametrize(
    ("event", "now", "reason"),
    [
        (events.Failed(3, "bad model"), 100.0, "bad model"),
        (events.Died(3, "exit code 70"), 100.0, "a worker ended at its start with exit code 70"),
        (events.Tick("revisions/3"), 200.0, "not ready within ROUTEIQ_RELOAD_TIMEOUT_SECONDS=2"),
    ],
)
def test_a_revision_that_cannot_be_served_is_refused_and_not_tried_again(
    event: events.Event, now: float, reason: str
) -> None:
    """The new workers are killed, the old ones never notice, and the asker is told why."""
    state, wanted = take(reloading(), event, now=now)
    assert actions.Nack(3, NEXT.digest, reason) in wanted
    assert told("nack", number=3, digest=NEXT.digest, reason=reason) in wanted
    assert actions.Kill(4) in wanted
    assert {worker.number for worker in state.having("serving")} == {1, 2}
    assert not [action for action in wanted if isinstance(action, Send) and action.kind != "reloaded"]
    _, wanted = take(state, events.Tick("revisions/3"), now=now + 1000)
    assert not [action for action in wanted if isinstance(action, actions.Read)]


@pytest.mark.parametrize(
    "event",
    [events.NotForked(3, "no more processes"), events.Failed(3, "the database is away", passing=True)],
    ids=["fork", "outage"],
)
def test_what_passes_is_no_refusal_and_is_tried_again(event: events.Event) -> None:
    """A failing fork or an outage: nothing is recorded, the note says why, the asker is told, and later it is tried."""
    state, wanted = take(reloading(), event)
    assert not [action for action in wanted if isinstance(action, actions.Nack)]
    assert {worker.number for worker in state.having("serving")} == {1, 2}
    assert state.note.startswith("revision 3 cannot be brought up now: ")
    assert state.note.endswith("; trying again")
    assert told("nack", number=3, digest=NEXT.digest, reason=state.note) in wanted
    read = actions.Read("reload", "revisions/3")
    assert read not in take(state, events.Tick("revisions/3"), now=100.0 + FIRST_DELAY - 0.1)[1]
    state, wanted = take(state, events.Tick("revisions/3"), now=100.0 + FIRST_DELAY)
    assert wanted == [read]
    state, _ = take(state, events.Staged("reload", NEXT), events.Ready(5), events.Ready(6), now=101.0)
    assert (state.served, state.note) == (NEXT, "")


def test_where_nobody_serves_a_placeholder_comes_before_the_next_try() -> None:
    """A start that is put off tells clients why, before it is tried again."""
    tick, outage = events.Tick("revisions/2"), "the database is away"
    state, wanted = take(State(), tick, events.Staged("reload", revision(2)))
    [first, _] = [action.worker for action in wanted if isinstance(action, actions.Fork)]
    state, _ = take(state, events.Failed(first, outage, passing=True))
    state, wanted = take(state, tick, events.Orphans(serve=False), now=100.0 + FIRST_DELAY)
    [placeholder] = [action for action in wanted if isinstance(action, actions.Fork)]
    assert placeholder.revision is None
    state, _ = take(state, events.Ready(placeholder.worker), now=101.0)
    _, wanted = take(state, tick, now=102.0)
    assert actions.Read("reload", "revisions/2") in wanted


def failing_replacement(state: State, now: float, *, how: str) -> tuple[State, int]:
    """Let a replacement come up as soon as it is wanted, and fail; return the state, and how many were begun."""
    state, wanted = take(state, events.Tick("revisions/2"), now=now)
    begun = [action.worker for action in wanted if isinstance(action, actions.Fork)]
    for number in begun:
        match how:
            case "refused":
                state, _ = take(state, events.Failed(number, "bad model"), events.Died(number, "exit code 3"), now=now)
            case "died":
                state, _ = take(state, events.Died(number, "signal SIGKILL"), now=now)
            case "not forked":
                state, _ = take(state, events.NotForked(number, "no memory"), now=now)
            case _:
                rollouts = tuple(replace(rollout, deadline=now - 1) for rollout in state.rollouts)
                state, _ = take(replace(state, rollouts=rollouts), events.Tick("revisions/2"), now=now)
                state, _ = take(state, events.Died(number, "signal SIGKILL"), now=now)
    return state, len(begun)


@pytest.mark.parametrize("how", ["refused", "died", "not forked", "too late"])
def test_a_failed_replacement_backs_off(how: str) -> None:
    """Whatever ends its start, the next one comes 0.5 s later, then 1 s, doubling to 30 s; the other worker serves."""
    state, _ = take(serving().state, events.Died(1, "signal SIGSEGV"))
    begun = []
    for tenths in range(3000):
        now = 100 + tenths / 10
        state, count = failing_replacement(state, now, how=how)
        begun += [now] * count
    gaps = [round(after - before, 1) for before, after in itertools.pairwise(begun)]
    assert begun[0] == 100.0
    assert gaps[:7] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0]
    assert set(gaps[7:]) <= {30.0, 30.1}
    assert [worker.number for worker in state.having("serving")] == [2]


def test_a_failing_placeholder_backs_off() -> None:
    """With nothing to serve and no process to be had, the gateway does not fork ten times a second."""
    world = replace(starting(), forks=False)
    tries = 0
    for _ in range(100):
        before = world.state.last
        world = replace(world, now=world.now + 0.1).look()
        tries += world.state.last - before
    assert world.broken is None
    assert 1 <= tries <= 6


def test_a_dead_worker_is_replaced_at_once() -> None:
    """The first death after a calm waits for nothing, and the replacement comes up on the revision served."""
    _, wanted = take(serving().state, events.Died(1, "signal SIGSEGV"), events.Tick("revisions/2"))
    assert wanted == [Do.TIDY, Do.PUBLISH, actions.Fork(3, revision(2))]


def test_a_worn_worker_drains_when_its_replacement_is_ready() -> None:
    """New first, one at a time."""
    state, wanted = take(serving().state, events.Worn(1, "LIMIT"), events.Worn(2, "LIMIT"), events.Tick("revisions/2"))
    assert wanted == [actions.Fork(3, revision(2))]
    _, wanted = take(state, events.Tick("revisions/2"), events.Ready(3))
    assert wanted[:2] == [Send(3, "accept"), Send(1, "drain", IN_A_RELOAD)]


def test_an_older_revision_is_refused() -> None:
    """Invariant 3: the gateway never goes to a lower number than it has served."""
    state, wanted = take(serving().state, events.Tick("revisions/1"), events.Staged("reload", revision(1)))
    refused = [action for action in wanted if isinstance(action, actions.Nack)]
    assert "is older than 2" in refused[0].reason
    assert not state.rollouts


def test_as_many_draining_workers_as_allowed_defer_a_reload() -> None:
    """Memory is bounded first; the note says so, once, and those that drain wait less for idle connections."""
    state = serving().state
    draining = tuple(WorkerState(number, revision(1), "draining", kill_at=900.0) for number in range(10, 12))
    state = replace(state, workers=(*state.workers, *draining))
    state, wanted = take(state, events.Tick("revisions/3"), events.Tick("revisions/3"))
    hurried = {"seconds": LIMITS.drain, "idle": IDLE_AT_STOP, "pass_on": True}
    assert wanted == [Do.PUBLISH, *(Send(number, "drain", hurried) for number in range(10, 12))]
    assert {worker.kill_at for worker in state.having("draining")} == {900.0}
    assert "ROUTEIQ_MAX_DRAINING_WORKERS" in state.note
    state, wanted = take(state, events.Died(10, "exit code 0"), events.Tick("revisions/3"))
    assert wanted[-1] == actions.Read("reload", "revisions/3")


def test_a_reload_under_way_answers_whoever_asks_meanwhile() -> None:
    """As long as `current` has not moved on; otherwise the next reload answers."""
    same, other = events.ReloadAsked((2, 1), "revisions/3"), events.ReloadAsked((2, 2), "revisions/4")
    state, _ = take(reloading(), same, other)
    assert state.rollouts[0].asked_by == ((1, 7), (2, 1))
    assert state.asked == ((2, 2),)
    hung_up, _ = take(reloading(), events.ReloadAsked(None, None), same)
    assert hung_up.asked == ((2, 1),)


def test_a_stop_answers_whoever_waits_and_drains_after_the_prestop_time() -> None:
    """New workers are killed at once, old ones serve for the pre-stop time and then drain; at the end it is told."""
    asked, _ = take(reloading(), events.ReloadAsked((2, 9), "revisions/4"))
    state, wanted = take(asked, events.Stop())
    reason = "the gateway is stopping"
    assert wanted == [
        actions.Kill(3),
        actions.Kill(4),
        told("nack", reason=reason),
        Send(2, "reloaded", {"id": 9, "result": "nack", "reason": reason}),
        Do.PUBLISH,
    ]
    assert take(state, events.Tick(), now=100.5)[1] == []
    state, wanted = take(state, events.Tick(), now=101.0)
    at_a_stop = {"seconds": LIMITS.drain, "idle": IDLE_AT_STOP, "pass_on": False}
    assert [action for action in wanted if isinstance(action, Send)] == [
        Send(1, "drain", at_a_stop),
        Send(2, "drain", at_a_stop),
    ]
    assert Do.CLOSE_LISTENER in wanted
    state, wanted = take(state, *(events.Died(number, "exit code 0") for number in (1, 2, 3, 4)))
    assert state.phase == "stopped"
    assert wanted[-1] is Do.PUBLISH


def test_a_second_stop_cuts_what_still_runs() -> None:
    """Every worker that serves or drains has no time left but to flush its logs."""
    state, wanted = take(serving().state, events.Stop(), events.Stop())
    assert [action.fields["seconds"] for action in wanted if isinstance(action, Send)] == [0, 0]
    assert {worker.kill_at for worker in state.workers} == {100.0 + FLUSH_SECONDS}
    assert take(state, events.Tick(), now=111.0)[1] == [actions.Kill(1), actions.Kill(2)]


def test_a_trial_touches_nothing_and_gives_a_verdict() -> None:
    """One worker that never accepts: ready is a pass, refused is not, and what passes is tried again later."""
    tick = events.Tick("revisions/2", "revisions/3")
    state, wanted = take(serving().state, tick, events.Staged("trial", NEXT))
    assert wanted == [actions.Read("trial", "revisions/3"), actions.Fork(3, NEXT, trial=True)]
    assert take(state, events.Ready(3))[1] == [actions.Kill(3), actions.Verdict(3, NEXT.digest, None)]
    assert take(state, events.Failed(3, "bad"))[1] == [actions.Kill(3), actions.Verdict(3, NEXT.digest, "bad")]
    later, wanted = take(state, events.NotForked(3, "no memory"), tick)
    assert wanted == []
    assert take(later, tick, now=101.0)[1] == [actions.Read("trial", "revisions/3")]


def test_an_answer_that_is_gone_from_the_volume_is_published_again() -> None:
    """Somebody emptied the volume; syncd numbers by what the answer says is served."""
    assert take(serving().state, events.Tick("revisions/2", answered=False))[1] == [Do.PUBLISH]
