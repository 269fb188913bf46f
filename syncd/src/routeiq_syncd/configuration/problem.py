"""What is wrong with a configuration, and where. A problem never carries a value, since values can be secrets."""

from collections.abc import Iterable
from dataclasses import dataclass

from routeiq_syncd.configuration.legible import legible

SHOWN = 25
REASON_CHARACTERS = 2000


@dataclass(frozen=True)
class Problem:
    """One problem: the file in the bundle, the line counted from 1 (None: the whole file), one sentence."""

    file: str
    line: int | None
    message: str

    def text(self) -> str:
        """``config.yaml:12: message``, legible whatever the names in it are."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return legible(f"{place}: {self.message}")


def reason_of(problems: Iterable[Problem]) -> str:
    """Join the problems into one reason of bounded length for status and log."""
    texts = [problem.text() for problem in problems]
    shown = texts[:SHOWN]
    if len(texts) > SHOWN:
        shown.append(f"and {len(texts) - SHOWN} more")
    reason = "; ".join(shown)
    return reason if len(reason) <= REASON_CHARACTERS else reason[: REASON_CHARACTERS - 1] + "…"
