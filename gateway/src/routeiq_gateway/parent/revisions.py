"""Revisions for workers: read from the volume, checked, laid out in the temporary directory; and verdicts on them."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from routeiq_gateway.configuration.loading import BadRevisionError
from routeiq_gateway.configuration.overrides import BadOverrideError
from routeiq_gateway.configuration.telling.reasons import shorten
from routeiq_gateway.parent.actions import FallBack, Read, Verdict
from routeiq_gateway.parent.answer import now_text
from routeiq_gateway.parent.events import NotStaged, Staged
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.secret_files.watching import SecretFiles
from routeiq_gateway.volume.documents import FORMAT, Served
from routeiq_gateway.volume.staging import Staging
from routeiq_gateway.volume.volume import Revision, Volume


@dataclass
class Revisions:
    """The revisions on a volume, each read to be served with the newest of ``secrets``.

    ``last_good`` is what an earlier gateway served there.
    """

    volume: Volume
    staging: Staging
    last_good: Served | None
    log: Log
    secrets: SecretFiles = field(default_factory=SecretFiles)
    _unwritten: dict[str, bytes] = field(default_factory=dict, init=False)
    _complained: bool = field(default=False, init=False)

    def read(self, wanted: Read) -> Staged | NotStaged:
        """Read, check and stage a revision, or say why that cannot be."""
        number, digest, known, passing = *_named(wanted.target), False, False
        try:
            revision = self._with_secrets(self.volume.identify(wanted.target))
            number, digest, known = revision.number, revision.digest, True
            self.volume.verify(revision)
            self.staging.stage(revision)
        except (BadRevisionError, BadOverrideError) as error:
            reason = shorten(str(error))
        except OSError as error:
            reason, passing = _cannot(error), True
        else:
            return Staged(wanted.purpose, revision)
        return NotStaged(wanted.purpose, number, digest, reason, passing, known)

    def fall_back(self, refused: FallBack) -> Staged | NotStaged:
        """Stage the best revision that was not tried; `NotStaged` repeats the refusal where the volume has none."""
        passing = False
        try:
            for good in map(self._with_secrets, self.volume.fallbacks(self.last_good)):
                if good.digest not in refused.tried and self._staged(good):
                    return Staged("fallback", good)
        except OSError as error:
            self.log.error("no revision can be fallen back to now", reason=_cannot(error))
            passing = True
        return NotStaged("fallback", refused.number, refused.digest, refused.reason, passing)

    def _with_secrets(self, revision: Revision) -> Revision:
        return replace(revision, secrets=self.secrets.newest or 0)

    def _staged(self, good: Revision) -> bool:
        """Stage a revision to fall back to; return whether it can be served."""
        try:
            self.staging.stage(good)
        except (BadRevisionError, BadOverrideError) as error:
            self.log.error("a revision cannot be fallen back to", revision=good.number, reason=shorten(str(error)))
            return False
        return True

    def write_verdict(self, verdict: Verdict) -> None:
        """Write the verdict on a candidate to the volume, as soon as there is room."""
        fields = {
            "format": FORMAT,
            "digest": verdict.digest,
            "number": verdict.number,
            "verdict": "refuse" if verdict.reason else "accept",
            "reason": verdict.reason,
            "at": now_text(),
        }
        self._unwritten[verdict.digest] = json.dumps(fields, indent=1).encode() + b"\n"
        self.log.info("verdict", revision=verdict.number, verdict=fields["verdict"], reason=verdict.reason)
        self.write()

    def write(self) -> None:
        """Write the verdicts to the volume for which there was no room yet."""
        try:
            for digest, text in list(self._unwritten.items()):
                self.volume.write_trial(digest, text)
                del self._unwritten[digest]
        except OSError as error:
            if not self._complained:
                self.log.error("cannot write the verdict to the volume; trying again", error=error.strerror)
            self._complained = True
        else:
            self._complained = False


def _cannot(error: OSError) -> str:
    place = f" ({error.filename})" if error.filename else ""
    return f"cannot be read, or staged in the temporary directory: {error.strerror}{place}"


def _named(target: str) -> tuple[int, str]:
    """Return number and short digest as a directory's name says them, for a revision that cannot be read."""
    number, _, digest = Path(target).name.partition("-")
    return (int(number), digest) if number.isdecimal() else (0, digest)
