"""Revisions for workers: read from the volume, checked, laid out in the temporary directory; and verdicts on them."""

import json
from dataclasses import dataclass
from pathlib import Path

from routeiq_gateway.configuration.loading import BadRevisionError
from routeiq_gateway.configuration.overrides import BadOverrideError
from routeiq_gateway.configuration.telling.reasons import shorten
from routeiq_gateway.parent.actions import FallBack, Read, Verdict
from routeiq_gateway.parent.answer import now_text
from routeiq_gateway.parent.events import NotStaged, Staged
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.volume.documents import FORMAT, Served
from routeiq_gateway.volume.staging import Staging
from routeiq_gateway.volume.volume import Volume


@dataclass
class Revisions:
    """The revisions on a volume; ``last_good`` is what an earlier gateway served there."""

    volume: Volume
    staging: Staging
    last_good: Served | None
    log: Log

    def read(self, wanted: Read) -> Staged | NotStaged:
        """Read, check and stage a revision, or say why that cannot be."""
        number, digest, known, passing = *_named(wanted.target), False, False
        try:
            revision = self.volume.identify(wanted.target)
            number, digest, known = revision.number, revision.digest, True
            self.volume.verify(revision)
            self.staging.stage(revision)
        except (BadRevisionError, BadOverrideError) as error:
            reason = shorten(str(error))
        except OSError as error:
            reason, passing = _no_room(error), True
        else:
            return Staged(wanted.purpose, revision)
        return NotStaged(wanted.purpose, number, digest, reason, passing, known)

    def fall_back(self, refused: FallBack) -> Staged | NotStaged:
        """Stage the best revision that was not tried; `NotStaged` repeats the refusal where the volume has none."""
        passing = False
        for good in self.volume.fallbacks(self.last_good):
            if good.digest in refused.tried:
                continue
            try:
                self.staging.stage(good)
            except (BadRevisionError, BadOverrideError) as error:
                self.log.error("a revision cannot be fallen back to", revision=good.number, reason=shorten(str(error)))
            except OSError as error:
                self.log.error("no revision can be fallen back to now", reason=_no_room(error))
                passing = True
                break
            else:
                return Staged("fallback", good)
        return NotStaged("fallback", refused.number, refused.digest, refused.reason, passing)

    def write_verdict(self, verdict: Verdict) -> None:
        """Write the verdict on a candidate to the volume."""
        fields = {
            "format": FORMAT,
            "digest": verdict.digest,
            "number": verdict.number,
            "verdict": "refuse" if verdict.reason else "accept",
            "reason": verdict.reason,
            "at": now_text(),
        }
        try:
            self.volume.write_trial(verdict.digest, json.dumps(fields, indent=1).encode() + b"\n")
        except OSError as error:
            self.log.error("cannot write the verdict to the volume", error=error.strerror)
        self.log.info("verdict", revision=verdict.number, verdict=fields["verdict"], reason=verdict.reason)


def _no_room(error: OSError) -> str:
    return f"cannot be staged in the temporary directory: {error.strerror}"


def _named(target: str) -> tuple[int, str]:
    """Return number and short digest as a directory's name says them, for a revision that cannot be read."""
    number, _, digest = Path(target).name.partition("-")
    return (int(number), digest) if number.isdecimal() else (0, digest)
