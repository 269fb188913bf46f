"""The parent's rules, one event after the other."""

from collections.abc import Sequence

from routeiq_gateway.parent import events
from routeiq_gateway.parent.actions import Action, Log
from routeiq_gateway.parent.generations import step
from routeiq_gateway.parent.state import State
from tests.support.gateway_invariants import LIMITS

IN_A_RELOAD = {"seconds": LIMITS.drain, "idle": LIMITS.keepalive, "pass_on": True}


def take(state: State, *given: events.Event, now: float = 100.0) -> tuple[State, Sequence[Action]]:
    """Give events one after the other; return the state, and all actions but the lines of the log."""
    wanted: list[Action] = []
    for event in given:
        state, more = step(state, event, now, LIMITS)
        wanted += [action for action in more if not isinstance(action, Log)]
    return state, wanted
