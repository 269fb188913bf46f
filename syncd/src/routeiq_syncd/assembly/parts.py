"""What both modes are put together from, opened once for a process."""

import contextlib
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from routeiq_syncd.reconcile.reconciler import Reconciler
from routeiq_syncd.revision.decide import Rules
from routeiq_syncd.revision.manifest import Publisher
from routeiq_syncd.runtime.clocks import Now
from routeiq_syncd.runtime.logs import Log
from routeiq_syncd.runtime.turns.liveness import Liveness
from routeiq_syncd.settings import Settings
from routeiq_syncd.sources.file import FileSource
from routeiq_syncd.sources.object import ObjectSource
from routeiq_syncd.sources.prefix.s3 import S3Objects
from routeiq_syncd.sources.prefix.source import PrefixSource
from routeiq_syncd.sources.source import Source
from routeiq_syncd.sources.stores import STORES, open_store
from routeiq_syncd.sources.watch import watch
from routeiq_syncd.status.files import end_with_volume, read_answers, write_status
from routeiq_syncd.status.recorder import Recorder
from routeiq_syncd.volume.history import VolumeHistory
from routeiq_syncd.volume.opening import open_volume
from routeiq_syncd.volume.volume import Checkpoint, Volume


@dataclass(frozen=True)
class Parts:
    """The parts.

    Attributes:
        rules: whose publisher names this process.
        checkpoint: called between the steps of a write and of a publish; it does nothing in production.
        host: the name of this machine, which in Kubernetes is the pod.
    """

    settings: Settings
    source: Source
    volume: Volume
    rules: Rules
    log: Log
    now: Now
    checkpoint: Checkpoint
    host: str
    liveness: Liveness = field(default_factory=Liveness)

    def reconciler(self) -> Reconciler:
        """Make the turn of single mode, which leader election uses for a cold start without the database."""
        history = VolumeHistory(self.volume.root) if self.settings.election is None else None
        return Reconciler(source=self.source, volume=self.volume, rules=self.rules, now=self.now, history=history)

    def first_fields(self) -> dict[str, Any]:
        """Return the fields of the first snapshot, whatever the mode."""
        return {
            "holder_id": self.rules.publisher.holder_id,
            "source_kind": self.source.kind,
            "source_location": self.source.location,
            "desired": self.volume.current(),
            "standing_warnings": self.settings.warnings,
        }

    def common_loops(self, recorder: Recorder) -> list[Awaitable[None]]:
        """Make the loops that both modes run for their whole life."""
        return [
            read_answers(self.volume, recorder, self.liveness),
            write_status(self.volume, recorder, self.liveness),
            end_with_volume(self.volume, self.liveness),
        ]

    def watches(self, nudge: Callable[[], None]) -> list[Awaitable[None]]:
        """Make the loop that calls ``nudge`` when the source changes; none for a source that only polling finds out."""
        if isinstance(self.source, FileSource):
            return [watch(self.source, nudge, self.liveness, self.log, interval=self.settings.interval)]
        return []


@contextlib.contextmanager
def opened(
    settings: Settings, log: Log, checkpoint: Checkpoint, now: Now, *, host: str | None = None
) -> Iterator[Parts]:
    """Yield the parts, with the volume open and mended; close the volume afterwards. ``host`` None is looked up.

    Raises:
        VolumeUnusableError: another syncd writes the volume, or it cannot be written.
    """
    volume = open_volume(settings.volume, checkpoint)
    with contextlib.closing(volume):
        volume.tell = lambda sentence: log.warning("set aside", reason=sentence)
        volume.recover()
        host = host or socket.gethostname()
        rules = Rules(settings.bounds, settings.environment, Publisher(f"{host}-{secrets.token_hex(4)}"))
        yield Parts(settings, source_of(settings, volume), volume, rules, log, now, checkpoint, host)


def source_of(settings: Settings, volume: Volume) -> Source:
    """Make the source that the settings name; a prefix puts its large files on the shelf of ``volume``."""
    if settings.prefix is not None:
        return PrefixSource(S3Objects(), settings.prefix, settings.bounds, volume.shelf, volume.known_versions)
    if settings.source in STORES:
        store = open_store(settings.source, settings.bucket, settings.emulator)
        return ObjectSource(store, settings.key, settings.bounds.config_bytes)
    return FileSource(settings.config_path, settings.bounds, settings.further)
