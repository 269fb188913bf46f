"""A directory of secret files, changed as the kubelet changes a mounted Secret, and in place as editors do."""

import itertools
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class SecretMount:
    """A mount at ``path``; each file is a link through `..data`, which is swapped in one step."""

    path: Path
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)

    def put(self, values: Mapping[str, str | bytes]) -> None:
        """Have the mount hold these files and no others."""
        data, directory = self.path / "..data", self.path / f"..2026_11_26.{next(self._numbers)}"
        before = data.resolve() if data.is_symlink() else None
        directory.mkdir()
        for name, value in values.items():
            (directory / name).write_bytes(value.encode() if isinstance(value, str) else value)
        temporary = self.path / "..data_tmp"
        temporary.symlink_to(directory.name)
        temporary.replace(data)
        for name in values:
            if not (self.path / name).is_symlink():
                (self.path / name).symlink_to(f"..data/{name}")
        for link in [path for path in self.path.iterdir() if not path.name.startswith("..") and not path.exists()]:
            link.unlink()
        if before is not None:
            shutil.rmtree(before)
