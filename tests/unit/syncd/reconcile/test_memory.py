"""What is remembered of a source from turn to turn."""

from datetime import UTC, datetime, timedelta

from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.reconcile.memory import Memory
from routeiq_syncd.revision.instants import stamp

AT = datetime(2026, 1, 1, tzinfo=UTC)
LATER = AT + timedelta(seconds=1)
PROBLEMS = (Problem("config.yaml", 1, "wrong"),)


def test_what_was_refused_stays_refused() -> None:
    """A source that has not changed since is told as refused, until a version of it is accepted."""
    memory = Memory()
    turn = memory.refuse(PROBLEMS, "d", "token", AT)
    assert (turn.outcome, turn.problems, memory.known) == ("refused", PROBLEMS, "token")
    assert memory.repeated == turn
    memory.accept("next")
    assert memory == Memory(known="next")


def test_a_refusal_for_the_same_reason_keeps_its_first_instant() -> None:
    """Another reason, or other content, is a refusal of its own."""
    memory = Memory()
    instants = []
    for problems, digest, now in (
        (PROBLEMS, "d", AT),
        (PROBLEMS, "d", LATER),
        (PROBLEMS, "e", LATER),
        ((Problem("config.yaml", 2, "wrong"),), "e", AT),
    ):
        refused = memory.refuse(problems, digest, None, now).refused
        assert refused is not None
        instants.append(refused.at)
    assert instants == [stamp(now) for now in (AT, AT, LATER, AT)]
