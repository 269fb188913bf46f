"""Which loops are late."""

from routeiq_syncd.runtime.turns.liveness import Liveness


def test_a_loop_that_does_not_turn_is_late() -> None:
    """A loop is late once its word and the grace have run out, and no longer when it turns again."""
    clock = [0.0]
    liveness = Liveness(lambda: clock[0], grace=10)
    liveness.report("poll", within=5)
    liveness.report("answers", within=100)
    clock[0] = 15
    assert liveness.late() == ()
    clock[0] = 15.1
    assert liveness.late() == ("poll",)
    liveness.report("poll", within=5)
    assert liveness.late() == ()
