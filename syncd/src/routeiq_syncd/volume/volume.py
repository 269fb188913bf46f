"""The volume: revisions, the link `current`, the gateway's answer, the status. One writer, held off by a lock.

Write order, and why `current` always names a complete tree: everything is made durable under a temporary name before
a rename gives the tree its own name, and only then a second rename swaps the link. `checkpoint` is called between any
two steps with the name of the step just done; it does nothing in production.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

from routeiq_syncd.configuration.bundle import Bundle
from routeiq_syncd.revision.answer import Answer, read_answer
from routeiq_syncd.revision.garbage import doomed
from routeiq_syncd.revision.manifest import Manifest, number_in, write_manifest
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.volume.atomic import (
    flush_directory,
    read_present,
    remove,
    remove_leftovers,
    replace_file,
    temporary_name,
)
from routeiq_syncd.volume.shelf import Shelf
from routeiq_syncd.volume.tree import intact, manifest_of, write_tree

REVISIONS = "revisions"
CURRENT = "current"
CANDIDATE = "candidate"
ACKED = "acked"
LINKS = (CURRENT, CANDIDATE, ACKED)
ANSWER = "answers/gateway.json"
STATUS = "status.json"
LOCK = "syncd.lock"
IDENTITY = "replica-id"
ANSWER_BYTES = 4 * 1024 * 1024

Checkpoint = Callable[[str], None]
Stamp = tuple[int, int, int]


class VolumeUnusableError(Exception):
    """The volume cannot be written by this process; the message is a sentence."""


def unusable(root: Path, error: OSError) -> str:
    """Return the sentence for a volume that cannot be used for a while: another owner, a disk that is away."""
    return f"The volume {root} cannot be used now ({error.strerror or type(error).__name__}); it is tried again."


def no_checkpoint(_step: str) -> None:
    """Do nothing between the steps."""


class Volume:
    """A volume that this process alone writes, from `open_volume` to `close`.

    Attributes:
        root: the directory.
        shelf: the large files that revisions share.
        tell: called with a sentence that an operator has to know.
    """

    def __init__(self, root: Path, lock: int, checkpoint: Checkpoint) -> None:
        self.root = root
        self.shelf = Shelf(root)
        self.tell: Callable[[str], None] = lambda _sentence: None
        self._lock = lock
        self._checkpoint = checkpoint
        self._read: dict[str, Manifest | None] = {}

    def close(self) -> None:
        """Let another writer in."""
        os.close(self._lock)

    def lost(self) -> bool:
        """Whether the volume at this path is not the locked one: somebody emptied or replaced it."""
        held = os.fstat(self._lock)
        try:
            found = (self.root / LOCK).stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # a faulty disk heals
        return (found.st_dev, found.st_ino) != (held.st_dev, held.st_ino)

    def recover(self) -> None:
        """Remove the leftovers of a killed writer and links to trees that are not whole; make do with the reserve."""
        for directory in (self.root, self.root / REVISIONS):
            remove_leftovers(directory)
        self._make_way(CURRENT)
        for link in (ACKED, CURRENT):
            manifest = self.linked(link)
            if manifest is not None and not intact(self.root / REVISIONS / manifest.name, manifest):
                (self.root / link).unlink()  # the number stays taken; the next revision brings a new link
                flush_directory(self.root)
        reserve = self.linked(ACKED)
        if reserve is not None and self.current() is None:
            fault = self.point(CURRENT, reserve)
            self.tell(
                fault or f"`current` named no whole revision; it names {reserve.number} now, which the fleet acked."
            )

    def current(self) -> Manifest | None:
        """Return the manifest of the revision that `current` points to; None without a link or a revision behind it."""
        return self.linked(CURRENT)

    def linked(self, link: str) -> Manifest | None:
        """Return the manifest of the revision that ``link`` points to; None without a link or a revision behind it."""
        name = self._linked(link)
        if name is None:
            return None
        with contextlib.suppress(OSError):  # else what was read before under this name holds on
            self._read[link] = manifest_of(self.root / REVISIONS / name)
        known = self._read.get(link)
        return known if known is not None and known.name == name else None

    def next_number(self) -> int:
        """Return a number above every number that this volume has shown, as far as its files tell."""
        names = [path.name for path in (self.root / REVISIONS).iterdir()]
        names += [name for link in LINKS if (name := self._linked(link)) is not None]
        numbers = {number for name in names if (number := number_in(name)) is not None}
        answer = self.answer()
        return max(numbers | (answer.numbers if answer else frozenset()), default=0) + 1

    def known_versions(self) -> Iterator[tuple[Pointer, str, int]]:
        """Yield pointer, hex sha256 and size of each file that a revision here fetched by pointer."""
        for path in sorted((self.root / REVISIONS).iterdir()):
            manifest = None
            with contextlib.suppress(OSError):
                manifest = manifest_of(path)
            for entry in manifest.files if manifest is not None else ():
                if manifest is not None and (origin := manifest.origins.get(entry.path)) is not None:
                    yield origin, entry.sha256, entry.size

    def tree(self, number: int, digest: str) -> Manifest | None:
        """Return the manifest of a revision whose tree is on the volume, whole; None for any other."""
        tree = self.root / REVISIONS / f"{number:06d}-{digest[:12]}"
        with contextlib.suppress(OSError):
            manifest = manifest_of(tree)
            if manifest is not None and manifest.digest == digest and intact(tree, manifest):
                return manifest
        return None

    def point(self, link: str, manifest: Manifest) -> str | None:
        """Have ``link`` point to a tree of the volume; return None, or the sentence why the disk did not take it."""
        try:
            self._swap(link, manifest.name)
        except OSError as error:
            return self._not_taken(manifest, error)
        return None

    def materialise(
        self, bundle: Bundle, manifest: Manifest, written: bytes | None = None, link: str = CURRENT
    ) -> str | None:
        """Lay the bundle on the volume and swap ``link``.

        Args:
            bundle: the files.
            manifest: the revision's manifest.
            written: the manifest as another release wrote it, None for a manifest of this release.
            link: the link that points to the revision afterwards.

        Returns:
            None, or the sentence why the disk did not take the revision: the link is then as it was.
        """
        temporary = self.root / REVISIONS / temporary_name()
        final = self.root / REVISIONS / manifest.name
        try:
            write_tree(temporary, bundle, written or write_manifest(manifest), self.shelf, self._checkpoint)
            if final.exists():
                # The tree was laid and is not linked: its writer was killed, or the tree was found broken.
                self._set_aside(final)
            temporary.rename(final)
            self._checkpoint("tree renamed")
            flush_directory(self.root / REVISIONS)
            self._checkpoint("revisions synced")
            self._swap(link, manifest.name)
        except OSError as error:
            remove(temporary)
            if manifest.name not in {self._linked(link) for link in LINKS}:
                remove(final)
            return self._not_taken(manifest, error)
        return None

    def _swap(self, link: str, name: str) -> None:
        temporary = self.root / temporary_name()
        try:
            temporary.symlink_to(f"{REVISIONS}/{name}")
            self._checkpoint("link made")
            self._make_way(link)
            temporary.rename(self.root / link)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()
        self._checkpoint("link swapped")
        flush_directory(self.root)
        self._checkpoint("volume synced")

    def _make_way(self, link: str) -> None:
        """Give a file or directory that stands in a link's place another name: somebody may want it."""
        path = self.root / link
        if os.path.lexists(path) and not path.is_symlink():
            aside = path.with_name(f"{link}.set-aside-{secrets.token_hex(4)}")
            path.rename(aside)
            self.tell(f"{path} was not a link; it is now {aside.name}, and can be removed.")

    def collect(self) -> tuple[str, ...]:
        """Remove revisions that nobody needs and return their names; keep all while the answer cannot be read.

        What an earlier call could not remove whole, for want of a descriptor for instance, is removed too.
        """
        try:
            remove_leftovers(self.root / REVISIONS)
            return self._collect()
        except OSError:
            return ()  # a later call finds a healthier system

    def _collect(self) -> tuple[str, ...]:
        answer = self.answer()
        if answer is None:
            return ()
        linked = frozenset(name for link in LINKS if (name := self._linked(link)) is not None)
        present = [path.name for path in (self.root / REVISIONS).iterdir()]
        names = doomed(present, linked=linked, used=answer.numbers)
        removed = []
        for name in names:
            try:
                self._set_aside(self.root / REVISIONS / name)
            except OSError:
                break  # the rest waits for a healthy disk
            removed.append(name)
        self.shelf.tidy()
        return tuple(removed)

    def _set_aside(self, tree: Path) -> None:
        """Remove a tree; renamed first, so that a tree under a revision's name is never half removed."""
        aside = tree.with_name(temporary_name())
        tree.rename(aside)
        self._checkpoint(f"revision {tree.name} set aside")
        remove(aside)

    def answer(self) -> Answer | None:
        """Return the gateway's answer: an empty answer before it wrote one, None where it cannot be read."""
        path = self.root / ANSWER
        data = read_present(path, ANSWER_BYTES)
        if data is not None:
            return read_answer(data)
        try:
            path.lstat()
        except FileNotFoundError:
            return Answer()
        except OSError:  # whether there is an answer cannot be told now
            return None
        return None

    def answer_stamp(self) -> Stamp | None:
        """Return a mark that changes whenever the gateway writes its answer; None where there is no answer."""
        try:
            found = (self.root / ANSWER).stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    def identity(self, fresh: str) -> str:
        """Return the id of this volume's replica; ``fresh`` becomes the id where the volume has none."""
        path = self.root / IDENTITY
        data = read_present(path, 200)
        text = data.decode(errors="replace").strip() if data else ""
        if text.isprintable() and text:
            return text
        with contextlib.suppress(OSError):  # on a faulty disk, the next start makes a new id
            replace_file(path, (fresh + "\n").encode())
        return fresh

    def write_status(self, data: bytes) -> str | None:
        """Replace `status.json`; return None, or the sentence why the disk did not take it."""
        try:
            replace_file(self.root / STATUS, data)
        except OSError as error:
            return f"The volume {self.root} did not take status.json ({error.strerror})."
        return None

    def _linked(self, link: str) -> str | None:
        try:
            target = str((self.root / link).readlink())
        except OSError:  # none there, or not a link
            return None
        directory, _, name = target.rpartition("/")
        return name if directory == REVISIONS and number_in(name) is not None else None

    def _not_taken(self, manifest: Manifest, error: OSError) -> str:
        fault = error.strerror or type(error).__name__
        return f"The volume {self.root} did not take revision {manifest.number} ({fault}); it is tried again."
