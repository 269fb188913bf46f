"""How a turn ended."""

from dataclasses import dataclass
from typing import Literal

from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.history.standing import Standing
from routeiq_syncd.revision.answer import Refused

Outcome = Literal["unchanged", "changed", "refused", "failed", "waiting"]
MOST_WARNINGS = 20  # that a status shows


@dataclass(frozen=True)
class Turn:
    """How a turn ended.

    Attributes:
        outcome: the word for it in the status.
        read: whether the source could be read.
        problems: why the content was refused.
        refused: the refusal as the status shows it.
        warnings: about the content; None where it was not looked at.
        error: why the source could not be read, or the volume not written.
        removed: names of the revisions that were collected.
        standing: what stands between the source and the volume afterwards; None where it was not looked at.
    """

    outcome: Outcome
    read: bool = True
    problems: tuple[Problem, ...] = ()
    refused: Refused | None = None
    warnings: tuple[str, ...] | None = None
    error: str | None = None
    removed: tuple[str, ...] = ()
    standing: Standing | None = None


def texts(problems: tuple[Problem, ...]) -> tuple[str, ...]:
    """Write the first `MOST_WARNINGS` warnings as sentences for the status."""
    return tuple(problem.text() for problem in problems[:MOST_WARNINGS])
