"""What the gateway says of itself: on the shared page for its workers, on the volume for syncd and the next start."""

import os
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from routeiq_gateway.configuration.telling.reasons import shorten
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.secret_files.watching import SecretSet
from routeiq_gateway.volume.documents import Answer, Phase, Refused, Served, WorkerEntry, answer_fields
from routeiq_gateway.volume.volume import Revision, Volume


@dataclass
class SecretsShown:
    """What is told of the secret files: their number as served, since when, and why newer ones are not; no value."""

    files: int = 0
    changed_at: str | None = None
    refused: dict[str, str] | None = None
    number: int = field(default=0, repr=False)

    def fields(self) -> dict[str, object]:
        """Return this as plain JSON values."""
        return {"files": self.files, "changed_at": self.changed_at, "refused": self.refused}


@dataclass
class AnswerWriter:
    """Holds the ack and the nack, and publishes them together with the list of workers.

    ``secrets`` is None where the gateway has no secret files.
    """

    page: SharedPage
    volume: Volume
    log: Log
    serving: Served | None = None
    refused: Refused | None = None
    secrets: SecretsShown | None = None
    instance: str = field(default_factory=lambda: uuid.uuid4().hex)
    _unwritten: Answer | None = None
    _complained: bool = False

    def ack(self, revision: Revision) -> None:
        """Say that ``revision`` is served; an earlier refusal of it or of an older revision is over."""
        if self.serving is None or (self.serving.number, self.serving.digest) != (revision.number, revision.digest):
            self.serving = Served(revision.number, revision.digest, now_text())
        if self.refused is not None and self.refused.number <= revision.number:
            self.refused = None

    def nack(self, number: int, digest: str, reason: str) -> None:
        """Say that a revision is refused, and why."""
        self.refused = Refused(number, digest, shorten(reason), now_text())

    def ack_secrets(self, made: SecretSet) -> None:
        """Say that a secret set is served; an earlier refusal is over where the set is another than before."""
        if self.secrets is not None and self.secrets.number != made.number:
            self.secrets = SecretsShown(len(made.values), now_text(), None, made.number)

    def refuse_secrets(self, reason: str | None) -> None:
        """Say why the secret files are not taken as they are; None: they can be read again."""
        if self.secrets is not None:
            self.secrets.refused = None if reason is None else {"reason": shorten(reason), "at": now_text()}

    def publish(self, state: Phase, note: str, workers: tuple[WorkerEntry, ...]) -> None:
        """Put the answer on the shared page, and on the volume as soon as there is room."""
        # A gateway that starts serves nothing yet; the volume keeps what it served last, for the next start.
        verdicts = (self.serving, self.refused)
        answer = Answer(self.instance, os.getpid(), state, *verdicts, workers, now_text(), shorten(note))
        fields = answer_fields(answer)
        if state == "starting":
            fields["serving"] = None
        fields["secrets"] = self.secrets.fields() if self.secrets else None
        self.page.write(fields)
        self._unwritten = answer
        self.write()

    def write(self) -> None:
        """Write the last answer to the volume if that has not worked yet."""
        if self._unwritten is None:
            return
        try:
            self.volume.write_answer(self._unwritten)
        except OSError as error:
            if not self._complained:
                self.log.error("cannot write the answer to the volume; trying again", error=error.strerror)
            self._complained = True
            return
        self._unwritten, self._complained = None, False


def now_text() -> str:
    """Return the instant as RFC 3339 in UTC, with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")  # noqa: TID251 - the clock
