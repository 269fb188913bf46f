"""Whether a measure stays flat over a run: pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

SHARE = 0.10


@dataclass(frozen=True)
class Measure:
    """One measure, sampled over a run.

    Attributes:
        name: what is measured, with its unit.
        slack: by how much it may grow where a tenth of it is less, in its unit.
        values: the samples, in the order of time.
    """

    name: str
    slack: float
    values: Sequence[float]

    @property
    def first(self) -> float:
        """The median of the first third."""
        return statistics.median(self.values[: len(self.values) // 3])

    @property
    def last(self) -> float:
        """The median of the last third."""
        return statistics.median(self.values[-(len(self.values) // 3) :])

    @property
    def flat(self) -> bool:
        """Whether the last third is above the first by a tenth, or by the slack where that is more, at most."""
        return self.last <= self.first + max(SHARE * self.first, self.slack)
