"""The volume, from the gateway's side: read revisions, write answers, stage what workers load."""

import errno
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from routeiq_gateway.configuration.overrides import NOT_YAML, Override, apply_overrides
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.volume.documents import (
    Answer,
    BadDocumentError,
    FileEntry,
    Manifest,
    Refused,
    Served,
    directory_name,
    encode_answer,
    parse_answer,
    parse_manifest,
)

CONFIG = "config.yaml"
ANSWER = "answers/gateway.json"
READ_SIZE = 1 << 20
QUOTED = re.compile(r"'(?!<)[^']{2,}'")
"""A word of the file in a message of PyYAML: a password that begins with ``!`` is a tag to it. Its own terms are
single characters, or stand in angle brackets."""


class BadRevisionError(ValueError):
    """A revision on the volume cannot be served; the message says why and holds no secret."""


@dataclass(frozen=True)
class Revision:
    """A revision on the volume: its number, its digest and its directory."""

    number: int
    digest: str
    directory: Path


@dataclass(frozen=True)
class Volume:
    """The directory shared with syncd."""

    root: Path

    def link(self, name: str) -> str | None:
        """Return where the link ``current`` or ``candidate`` points, or None where there is no link to be read."""
        try:
            return str((self.root / name).readlink())
        except OSError:  # gone, no link, or a faulty disk: what is served goes on
            return None

    def obstacle(self, name: str) -> str | None:
        """Return why the link ``name`` cannot be read, None where it can or is only missing."""
        try:
            (self.root / name).readlink()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            reason = "it is not a link" if error.errno == errno.EINVAL else error.strerror
            return f"{self.root / name} cannot be used: {reason}"
        return None

    def answered(self) -> bool:
        """Whether a gateway's answer is on the volume, as far as can be seen."""
        try:
            (self.root / ANSWER).stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        return True

    def identify(self, target: str) -> Revision:
        """Read the manifest of the revision at ``target`` (relative to the volume).

        Raises:
            BadRevisionError: the manifest is missing or damaged.
        """
        return _revision(self.root / target)[0]

    def verify(self, revision: Revision) -> None:
        """Check every file of ``revision`` against its manifest.

        Raises:
            BadRevisionError: a file is missing or is not the one that was published.
        """
        _, manifest = _revision(revision.directory)
        for entry in manifest.files:
            _verify_file(revision.directory, entry)
        if CONFIG not in {entry.path for entry in manifest.files}:
            raise BadRevisionError(f"revision {revision.number} holds no {CONFIG}")

    def last_known_good(self, served: Served | None) -> Revision | None:
        """Return the revision last acked, where its directory is still there and whole."""
        if served is None:
            return None
        target = f"revisions/{directory_name(served.number, served.digest)}"
        try:
            revision = self.identify(target)
            self.verify(revision)
        except BadRevisionError:
            return None
        return revision

    def read_verdicts(self, log: Log) -> tuple[Served | None, Refused | None]:
        """Return what an earlier gateway on this volume served and refused; nothing where it left no answer.

        An answer that cannot be read must not keep the gateway from starting: it is as if there were none.
        """
        try:
            return parse_answer((self.root / ANSWER).read_bytes())
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
        self._replace(ANSWER, encode_answer(answer))

    def write_trial(self, digest: str, text: bytes) -> None:
        """Write the verdict on a candidate to ``answers/trial-<digest>.json``.

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


def stage(revision: Revision, overrides: tuple[Override, ...], into: Path) -> Path:
    """Lay out in ``into`` what a worker loads, and return the path of its configuration.

    LiteLLM writes to its own config file at some admin calls, and resolves includes and callbacks beside it. So
    workers get a private copy of ``config.yaml``, overrides applied, among links to the rest of the tree; the
    revision itself stays as it was published.

    Raises:
        BadRevisionError: the configuration is not a mapping that overrides could apply to.
        BadOverrideError: an override meets something other than a mapping.
        OSError: no room in the temporary directory.
    """
    into.mkdir(mode=0o700, parents=True)
    for entry in revision.directory.iterdir():
        if entry.name not in {CONFIG, "manifest.json"}:
            (into / entry.name).symlink_to(entry)
    text = (revision.directory / CONFIG).read_bytes()
    if overrides:
        try:
            text = yaml.safe_dump(apply_overrides(load_config(text), overrides), sort_keys=False).encode()
        except RecursionError:
            raise BadRevisionError(f"{CONFIG} with the overrides nests too deep; set fewer levels") from None
    path = into / CONFIG
    path.touch(mode=0o600)
    path.write_bytes(text)
    return path


def load_config(text: bytes) -> Mapping[str, Any]:
    """Parse a configuration.

    Raises:
        BadRevisionError: not YAML, or not a mapping; names the line.
    """
    try:
        config = yaml.load(text, Loader=yaml.CSafeLoader)
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        problem = QUOTED.sub("'***'", getattr(error, "problem", None) or "cannot be parsed")
        raise BadRevisionError(f"{CONFIG} is not YAML{where}: {problem}") from None
    if not isinstance(config, Mapping) or not config:
        raise BadRevisionError(
            f"{CONFIG}: expected a mapping of sections such as model_list, found {type(config).__name__}"
        )
    return config


def _revision(directory: Path) -> tuple[Revision, Manifest]:
    try:
        manifest = parse_manifest((directory / "manifest.json").read_bytes())
    except OSError as error:
        raise BadRevisionError(f"{directory.name}: manifest.json: {error.strerror}") from error
    except BadDocumentError as error:
        raise BadRevisionError(f"{directory.name}: {error}") from error
    return Revision(manifest.number, manifest.digest, directory.resolve()), manifest


def _verify_file(directory: Path, entry: FileEntry) -> None:
    total = hashlib.sha256()
    size = 0
    try:
        with (directory / entry.path).open("rb") as file:
            while block := file.read(READ_SIZE):
                size += len(block)
                total.update(block)
    except OSError as error:
        raise BadRevisionError(f"{directory.name}: {entry.path}: {error.strerror}") from error
    if size != entry.size or total.hexdigest() != entry.sha256:
        raise BadRevisionError(f"{directory.name}: {entry.path} is not the file that was published")
