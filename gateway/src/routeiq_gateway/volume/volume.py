"""The volume, from the gateway's side: follow links, read and check revisions, read and write answers."""

import contextlib
import errno
import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from routeiq_gateway.configuration.loading import CONFIG, BadRevisionError
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.volume import documents
from routeiq_gateway.volume.documents import ANSWER, MANIFEST, Answer, BadDocumentError, FileEntry, Refused, Served

ACKED = "acked"
REVISIONS = "revisions"
NAME = re.compile(r"[0-9]{6,18}-[0-9a-f]{12}")
ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError)
"""What says that a revision is not whole. No descriptor, no memory or a disk that is away says nothing against it."""


@dataclass(frozen=True)
class Revision:
    """A revision on the volume: its number, its digest, its directory, and the files that its manifest lists.

    ``written_name`` is the name of the configuration's file at the source. ``secrets`` is the number of the secret set
    that workers on it are given.
    """

    number: int
    digest: str
    directory: Path
    files: tuple[FileEntry, ...] = field(default=(), compare=False, repr=False)
    written_name: str = field(default=CONFIG, compare=False)
    secrets: int = 0

    @property
    def target(self) -> str:
        """The path of its directory, relative to the volume, as a link has it."""
        return f"{REVISIONS}/{self.directory.name}"


@dataclass(frozen=True)
class Volume:
    """The directory shared with syncd."""

    root: Path

    def link(self, name: str) -> str | None:
        """Return where the link ``current`` or ``candidate`` points, or None where no link can be read."""
        try:
            return str((self.root / name).readlink())
        except OSError:  # missing, not a link, or on a faulty disk: the revision that is served goes on
            return None

    def obstacle(self, name: str) -> str | None:
        """Return why the link ``name`` cannot be read, None where it can be read or is only missing."""
        try:
            (self.root / name).readlink()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            reason = "it is not a link" if error.errno == errno.EINVAL else error.strerror
            return f"{self.root / name} cannot be used: {reason}"
        return None

    def answered(self) -> bool:
        """Whether a gateway's answer is on the volume; a volume that cannot be read counts as having one."""
        try:
            (self.root / ANSWER).stat()
        except OSError as error:
            return not isinstance(error, FileNotFoundError | NotADirectoryError)
        return True

    def identify(self, target: str) -> Revision:
        """Read the manifest of the revision at ``target``, a path relative to the volume.

        Raises:
            BadRevisionError: the manifest is missing or damaged.
            OSError: it cannot be read now.
        """
        directory = self.root / target
        try:
            manifest = documents.parse_manifest((directory / MANIFEST).read_bytes())
        except ABSENT as error:
            raise BadRevisionError(f"{directory.name}: {MANIFEST}: {error.strerror}") from error
        except BadDocumentError as error:
            raise BadRevisionError(f"{directory.name}: {error}") from error
        return Revision(manifest.number, manifest.digest, directory.resolve(), manifest.files, manifest.written_name)

    def verify(self, revision: Revision) -> None:
        """Check every file of ``revision`` against the manifest that :meth:`identify` read.

        Raises:
            BadRevisionError: a file is missing or is not the file that was published.
            OSError: a file cannot be read now.
        """
        for entry in revision.files:
            _verify_file(revision.directory, entry)
        if CONFIG not in {entry.path for entry in revision.files}:
            raise BadRevisionError(f"revision {revision.number} holds no {CONFIG}")

    def fallbacks(self, served: Served | None) -> Iterator[Revision]:
        """Yield the revisions that may stand in for one that is refused, best first, each read and whole.

        First come those that are known to be good, newest first: what the fleet acked last, to which syncd's link
        `acked` points, and ``served``, which a gateway on this volume acked last. All others follow, newest first.

        Raises:
            OSError: a revision cannot be read now; it is raised after the others.
        """
        good = {Path(target).name for target in (self.link(ACKED),) if target is not None}
        if served is not None:
            good.add(documents.directory_name(served.number, served.digest))
        others, unreadable = set[str](), list[OSError]()
        with contextlib.suppress(*ABSENT):
            others = {path.name for path in (self.root / REVISIONS).iterdir() if NAME.fullmatch(path.name)} - good
        for name in (*sorted(good, key=_number, reverse=True), *sorted(others, key=_number, reverse=True)):
            try:
                revision = self.identify(f"{REVISIONS}/{name}")
                self.verify(revision)
            except BadRevisionError:
                continue
            except OSError as error:
                unreadable.append(error)
            else:
                yield revision
        if unreadable:
            raise unreadable[0]

    def read_verdicts(self, log: Log) -> tuple[Served | None, Refused | None]:
        """Return what an earlier gateway on this volume served and refused; nothing where it left no answer.

        An answer that cannot be read must not keep the gateway from starting: it counts as missing.
        """
        try:
            return documents.parse_answer((self.root / ANSWER).read_bytes())
        except FileNotFoundError:
            return None, None
        except (OSError, BadDocumentError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            log.warning("what an earlier gateway served is not known", file=ANSWER, reason=reason)
            return None, None

    def write_answer(self, answer: Answer) -> None:
        """Replace ``answers/gateway.json`` in one step.

        Raises:
            OSError: the volume is full or gone; the earlier answer is still whole.
        """
        self._replace(ANSWER, documents.encode_answer(answer))

    def write_trial(self, digest: str, text: bytes) -> None:
        """Write the verdict on the candidate ``digest``, as JSON, to ``answers/trial-<digest>.json``.

        Raises:
            OSError: the volume is full or gone.
        """
        self._replace(f"answers/trial-{digest}.json", text)

    def _replace(self, name: str, text: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            temporary.write_bytes(text)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _number(name: str) -> int:
    """Return the number in the name of a revision's directory, -1 in any other name."""
    number = name.partition("-")[0]
    return int(number) if NAME.fullmatch(name) else -1


def _verify_file(directory: Path, entry: FileEntry) -> None:
    try:
        with (directory / entry.path).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except ABSENT as error:
        raise BadRevisionError(f"{directory.name}: {entry.path}: {error.strerror}") from error
    if size != entry.size or sha256 != entry.sha256:
        raise BadRevisionError(f"{directory.name}: {entry.path} is not the file that was published")
