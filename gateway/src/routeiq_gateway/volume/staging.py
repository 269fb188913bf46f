"""Staged configurations: one private directory a revision, in the temporary directory, while a worker may use it."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from routeiq_gateway.configuration.overrides import Override
from routeiq_gateway.volume.volume import Revision, stage

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
        """Make the root directory, mode 0700, and clear those that dead gateways left."""
        for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            pid = re.match(rf"{PREFIX}(\d+)-", left.name)
            if pid and not Path(f"/proc/{pid[1]}").exists():
                shutil.rmtree(left, ignore_errors=True)  # another user's is not ours to clear
        return cls(overrides, Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")))

    def stage(self, revision: Revision) -> Path:
        """Stage ``revision`` where it is not yet; return the path of its configuration.

        Raises:
            BadRevisionError, BadOverrideError, OSError: see :func:`routeiq_gateway.volume.volume.stage`.
        """
        if revision not in self._staged:
            self._count += 1
            self._staged[revision] = stage(revision, self.overrides, self.root / f"{self._count}-{revision.number}")
        return self._staged[revision]

    def keep(self, revisions: Collection[Revision | None]) -> None:
        """Remove what is staged for revisions other than these."""
        for revision in set(self._staged) - set(revisions):
            shutil.rmtree(self._staged.pop(revision).parent, ignore_errors=True)

    def close(self) -> None:
        """Remove everything."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.root)
