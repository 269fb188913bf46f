"""The parent's rules about workers whose loop does not turn, by example."""

from routeiq_gateway.parent import actions, events
from routeiq_gateway.parent.actions import Log, Send
from routeiq_gateway.parent.generations import step
from tests.support.gateway_invariants import LIMITS
from tests.support.gateway_steps import IN_A_RELOAD, take
from tests.support.gateway_world import revision, serving

HUNG = events.Hung(1, 61.0, "a stack")


def test_a_worker_that_hangs_is_replaced_by_a_new_one_first() -> None:
    """It is kept until the new one accepts; then it is to drain, and as it still hangs it is killed, long before."""
    state, wanted = take(serving().state, HUNG, events.Tick("revisions/2"))
    assert [action for action in wanted if isinstance(action, actions.Fork)] == [actions.Fork(3, revision(2))]
    assert not [action for action in wanted if isinstance(action, actions.Kill)]
    state, wanted = take(state, events.Ready(3), HUNG)
    assert Send(1, "drain", IN_A_RELOAD) in wanted
    assert wanted[-1] == actions.Kill(1)
    assert [worker.number for worker in state.having("serving")] == [2, 3]


def test_a_worker_that_hung_and_turns_again_drains() -> None:
    """Its requests end whole."""
    state, wanted = take(serving().state, HUNG, events.Tick("revisions/2"), events.Ready(3), events.Tick("revisions/2"))
    assert not [action for action in wanted if isinstance(action, actions.Kill)]
    assert [worker.number for worker in state.having("draining")] == [1]


def test_a_hang_is_logged_once_with_its_stack() -> None:
    """However often it is looked at."""
    state, lines = serving().state, []
    for _ in range(3):
        state, wanted = step(state, HUNG, 100.0, LIMITS)
        lines += [action for action in wanted if isinstance(action, Log)]
    fields = {"limit": "ROUTEIQ_WORKER_HANG_SECONDS", "seconds": 61, "stack": "a stack"}
    assert lines == [Log("error", "a worker hangs", fields, 1)]


def test_a_worker_that_hangs_does_not_hold_up_a_stop() -> None:
    """Told to drain, it is killed, and the gateway ends."""
    state, _ = take(serving().state, HUNG, events.Stop())
    state, _ = take(state, events.Tick("revisions/2"), now=100.0 + LIMITS.prestop)
    state, wanted = take(state, HUNG, now=100.0 + LIMITS.prestop)
    assert wanted == [actions.Kill(1)]
