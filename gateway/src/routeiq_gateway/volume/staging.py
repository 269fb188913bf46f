"""Staged configurations: what workers load, one private directory a revision, while a worker may use it.

LiteLLM writes to its own config file at some admin calls, and resolves includes and callbacks beside that file. So
workers load a private copy of ``config.yaml``, overrides applied, among links to the rest of the revision. The copy is
in the temporary directory; the revision on the volume stays as it was published.
"""

import contextlib
import os
import posixpath
import re
import secrets
import shutil
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from routeiq_gateway.configuration.loading import CONFIG, BadRevisionError, load_config
from routeiq_gateway.configuration.overrides import Override, apply_overrides
from routeiq_gateway.configuration.telling.lines import find_lines
from routeiq_gateway.configuration.telling.naming import Naming
from routeiq_gateway.runtime.temporary import temporary_directory
from routeiq_gateway.volume.documents import MANIFEST, BadDocumentError, parse_manifest
from routeiq_gateway.volume.volume import Revision

PREFIX = "routeiq-gateway-"


@dataclass
class Staging:
    """The staged directories of one gateway."""

    overrides: tuple[Override, ...]
    root: Path
    _staged: dict[Revision, Path] = field(default_factory=dict)
    _count: int = 0

    @classmethod
    def create(cls, overrides: tuple[Override, ...]) -> "Staging":
        """Name a root directory, which is made when it is needed, and clear those that dead gateways left."""
        directory = temporary_directory()
        for left in directory.glob(f"{PREFIX}*"):
            pid = re.match(rf"{PREFIX}(\d+)-", left.name)
            if pid and not Path(f"/proc/{pid[1]}").exists():
                shutil.rmtree(left, ignore_errors=True)  # the directory of another user is not ours to clear
        return cls(overrides, directory / f"{PREFIX}{os.getpid()}-{secrets.token_hex(8)}")

    def stage(self, revision: Revision) -> Path:
        """Stage ``revision`` where it is not yet; return the path of its staged configuration.

        Raises:
            BadRevisionError: the configuration is not a mapping that overrides could apply to.
            BadOverrideError: a key on the way to an override's value holds something other than a mapping.
            OSError: there is no room in the temporary directory.
        """
        if revision not in self._staged:
            self._count += 1
            into = self.root / f"{self._count}-{revision.number}"
            try:
                self._staged[revision] = self._lay_out(revision, into)
            except BaseException:
                shutil.rmtree(into, ignore_errors=True)  # a directory half laid out would stay for the gateway's life
                raise
        return self._staged[revision]

    def _lay_out(self, revision: Revision, into: Path) -> Path:
        self.root.mkdir(mode=0o700, exist_ok=True)
        into.mkdir(mode=0o700)
        for entry in revision.directory.iterdir():
            if entry.name != CONFIG:
                (into / entry.name).symlink_to(entry)
        text = (revision.directory / CONFIG).read_bytes()
        if self.overrides:
            try:
                config = load_config(text, revision.written_name)
                text = yaml.safe_dump(apply_overrides(config, self.overrides), sort_keys=False).encode()
            except RecursionError:
                name = revision.written_name
                raise BadRevisionError(f"{name} with the overrides nests too deep; set fewer levels") from None
        path = into / CONFIG
        path.touch(mode=0o600)
        path.write_bytes(text)
        return path

    def keep(self, revisions: Collection[Revision | None]) -> None:
        """Remove what is staged for revisions other than ``revisions``; what cannot be removed now, in a later call."""
        for revision in set(self._staged) - set(revisions):
            del self._staged[revision]
        kept = {path.parent for path in self._staged.values()}
        with contextlib.suppress(OSError):
            for directory in set(self.root.iterdir()) - kept:
                shutil.rmtree(directory, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.root)


def naming_of(config: Path) -> Naming:
    """Return what messages call the parts of the staged configuration at ``config``.

    Overrides are written without the lines of the file, so places are those of the revision's own text.
    """
    staged = config.parent
    materialised = (staged / MANIFEST).resolve().parent
    try:
        name = parse_manifest((staged / MANIFEST).read_bytes()).written_name
    except (OSError, BadDocumentError):
        name = CONFIG

    def read(path: str) -> bytes | None:
        below = posixpath.normpath(CONFIG if path == name else path)
        try:
            return None if below.startswith(("/", "..")) else (materialised / below).read_bytes()
        except OSError:
            return None

    return Naming(name, (str(staged), str(materialised)), find_lines(name, read))
