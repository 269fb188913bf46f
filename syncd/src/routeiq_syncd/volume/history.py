"""The directory ``history/`` of a volume in single mode: an entry for each revision, and the pin.

An entry is durable before `current` names its revision, so no rollback is ever without what it passes over. An entry
whose revision was not materialised counts for nothing, and the next revision of that number replaces it.
"""

import contextlib
from dataclasses import replace
from pathlib import Path

from routeiq_syncd.history.entries import ENTRY_BYTES, Entry, number_of, read_entry, write_entry
from routeiq_syncd.history.standing import Pin, Standing, Waiting, read_pin, read_waiting, write_record
from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.volume.atomic import flush_directory, read_present, remove_leftovers, temporary_name, write_file

DIRECTORY = "history"
PIN, WAITING = "pin.json", "waiting.json"
KEEP = 100


class VolumeHistory:
    """The history of one volume; every method but the constructor may raise ``OSError`` where the disk is away."""

    def __init__(self, root: Path) -> None:
        self._directory = root / DIRECTORY

    def standing(self, current: Manifest | None) -> Standing:
        """Return what stands between the source and ``current``, the revision on the volume."""
        entry = None if current is None else self.entry(current)
        pin, waiting = (read_present(self._directory / name, ENTRY_BYTES) for name in (PIN, WAITING))
        return Standing(read_pin(pin), entry.passes_over if entry else None, read_waiting(waiting))

    def entry(self, manifest: Manifest) -> Entry | None:
        """Return the entry of a revision, None where it has none."""
        data = read_present(self._directory / f"{manifest.number:06d}.json", ENTRY_BYTES)
        entry = None if data is None else read_entry(data)
        named = (manifest.number, manifest.digest)
        return entry if entry is not None and (entry.number, entry.digest) == named else None

    def entries(self) -> list[Entry]:
        """Return all entries, newest first."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self._directory.iterdir():
                data = None if number_of(path.name) is None else read_present(path, ENTRY_BYTES)
                entry = None if data is None else read_entry(data)
                if entry is not None and entry.file == path.name:
                    found.append(entry)
        return sorted(found, key=lambda entry: -entry.number)

    def write(self, entry: Entry) -> None:
        """Make an entry durable, and let the oldest go."""
        self._write(entry.file, write_entry(entry))
        for old in self.entries()[KEEP:]:
            (self._directory / old.file).unlink(missing_ok=True)

    def lift(self, entry: Entry) -> None:
        """Record that the source has held something else than what the rollback ``entry`` passes over."""
        self._write(entry.file, write_entry(replace(entry, passes_over=None)))

    def pin(self, pin: Pin | None) -> None:
        """Record the pin, or that there is none."""
        self._record(PIN, pin)

    def wait(self, waiting: Waiting | None) -> None:
        """Record which content of the source waits, or that none does."""
        self._record(WAITING, waiting)

    def _record(self, name: str, record: Pin | Waiting | None) -> None:
        text = write_record(record)
        if text is not None:
            self._write(name, text.encode() + b"\n")
        elif (self._directory / name).exists():
            (self._directory / name).unlink()
            flush_directory(self._directory)

    def _write(self, name: str, data: bytes) -> None:
        self._directory.mkdir(mode=0o750, exist_ok=True)
        remove_leftovers(self._directory)
        temporary = self._directory / temporary_name()
        try:
            write_file(temporary, data)
            temporary.rename(self._directory / name)
        finally:
            temporary.unlink(missing_ok=True)
        flush_directory(self._directory)
