"""What is remembered from turn to turn: the version of the source that is dealt with, and the turn that refused it."""

from datetime import datetime

from routeiq_syncd.configuration.problem import Problem, reason_of
from routeiq_syncd.revision.answer import Refused
from routeiq_syncd.revision.instants import stamp
from routeiq_syncd.revision.outcome import Turn


class Memory:
    """Remembers for one source.

    A version whose content could not be written or published is never remembered, so that the next fetch brings it
    again.

    Attributes:
        known: the token of the version that was accepted or refused; None: fetch unconditionally.
    """

    def __init__(self) -> None:
        self.known: str | None = None
        self._refused: Turn | None = None

    def accept(self, token: str | None) -> None:
        """Remember that the version of ``token`` is on the volume, or published."""
        self.known, self._refused = token, None

    def refuse(self, problems: tuple[Problem, ...], digest: str | None, token: str | None, now: datetime) -> Turn:
        """Remember that a version is refused.

        Args:
            problems: why.
            digest: of its content, None where no bundle could be made of it.
            token: of the version, None to look at it again at the next turn.
            now: the instant of the refusal; content that is refused again for the same reason keeps its first instant.

        Returns:
            the turn that refuses.
        """
        refused = Refused(None, digest, reason_of(problems), stamp(now))
        before = self._refused.refused if self._refused else None
        if before is not None and (before.digest, before.reason) == (refused.digest, refused.reason):
            refused = before
        self.known = token
        self._refused = Turn("refused", problems=problems, refused=refused)
        return self._refused

    def unchanged(self) -> Turn:
        """Return the turn of a source that holds the known version still: what was refused stays refused."""
        return self._refused or Turn("unchanged")
