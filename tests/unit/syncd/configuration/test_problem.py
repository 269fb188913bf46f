"""Problems, joined into a reason."""

from routeiq_syncd.configuration.problem import Problem, reason_of


def test_a_reason_has_an_end() -> None:
    """A thousand problems make a reason that fits into a status."""
    reason = reason_of(Problem("config.yaml", line, "wrong " * 20) for line in range(1000))
    assert len(reason) <= 2000
