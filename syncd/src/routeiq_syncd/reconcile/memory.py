"""What is remembered from turn to turn: the version of the source that is dealt with, and how turns end meanwhile."""

from dataclasses import dataclass
from datetime import datetime

from routeiq_syncd.configuration.problem import Problem, reason_of
from routeiq_syncd.history.standing import Standing
from routeiq_syncd.revision.answer import Refused
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.outcome import Turn


@dataclass
class Memory:
    """Remembers for one source.

    A version whose content could not be written or published is not remembered, so that the next fetch brings it again.

    Attributes:
        known: the token of the version that was accepted or refused; None: fetch unconditionally.
        repeated: how every turn ends while the source holds that version: refused, or waiting; None where the version
            was accepted.
    """

    known: str | None = None
    repeated: Turn | None = None

    def accept(self, token: str) -> None:
        """Remember that the version of ``token`` is on the volume, or published."""
        self.known, self.repeated = token, None

    def hold(self, token: str, warnings: tuple[str, ...], standing: Standing) -> Turn:
        """Remember that the version of ``token`` waits, and return the turn that says so."""
        self.known, self.repeated = token, Turn("waiting", warnings=warnings, standing=standing)
        return self.repeated

    def refuse(self, problems: tuple[Problem, ...], digest: str | None, token: str | None, now: datetime) -> Turn:
        """Remember that a version is refused, and return the turn that says so.

        Content of the same ``digest`` that is refused again for the same reason keeps its first instant. A version
        without a ``token`` is looked at again at the next turn.
        """
        refused = Refused(None, digest, reason_of(problems), stamp(now))
        before = self.repeated.refused if self.repeated else None
        if before is not None and (before.digest, before.reason) == (refused.digest, refused.reason):
            refused = before
        self.known, self.repeated = token, Turn("refused", problems=problems, refused=refused)
        return self.repeated
