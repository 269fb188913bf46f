"""Records what happens to a fleet, as events of `tests.support.history`."""

import contextlib
import hashlib
import json
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.support.fleet import Fleet
from tests.support.history import Answered, Event, Granted, Pinned, Recorded, Served

LOOK_SECONDS = 0.02
PROBE_EVERY = 15  # looks

# Written by triggers, in the transaction that does what they tell, while the lease row is locked.
AUDIT = """
CREATE TABLE public.audit (id bigint GENERATED ALWAYS AS IDENTITY, what text, epoch bigint, holder text, number bigint,
    digest text, row_epoch bigint, row_holder text, remaining float8, action text, passed text);
CREATE FUNCTION public.granted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.audit (what, epoch, holder) VALUES ('granted', NEW.epoch, NEW.holder_id);
    RETURN NULL;
END $$;
CREATE FUNCTION public.recorded() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.audit (what, epoch, holder, number, digest, row_epoch, row_holder, remaining, action, passed)
    SELECT 'recorded', NEW.epoch, NEW.holder_id, NEW.number, NEW.digest, l.epoch, l.holder_id,
        extract(epoch FROM l.expires_at - clock_timestamp()), NEW.action, (
            SELECT passes_over FROM routeiq.revision WHERE lock_name = NEW.lock_name AND number < NEW.number
            ORDER BY number DESC LIMIT 1)
    FROM routeiq.lease AS l WHERE l.name = NEW.lock_name;
    RETURN NULL;
END $$;
CREATE FUNCTION public.pinned() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO public.audit (what, digest) VALUES ('pinned', NEW.pin ->> 'digest');
    RETURN NULL;
END $$;
CREATE TRIGGER pinned AFTER UPDATE ON routeiq.lease FOR EACH ROW
    WHEN (OLD.pin IS DISTINCT FROM NEW.pin) EXECUTE FUNCTION public.pinned();
CREATE TRIGGER first AFTER INSERT ON routeiq.lease FOR EACH ROW EXECUTE FUNCTION public.granted();
CREATE TRIGGER next AFTER UPDATE ON routeiq.lease FOR EACH ROW
    WHEN (OLD.epoch <> NEW.epoch OR OLD.holder_id <> NEW.holder_id) EXECUTE FUNCTION public.granted();
CREATE TRIGGER recorded AFTER INSERT ON routeiq.revision FOR EACH ROW EXECUTE FUNCTION public.recorded();
"""


@dataclass
class HistoryRecorder:
    """Watches the volumes and probes from a thread of its own, from `__enter__` to `__exit__`.

    Attributes:
        size: how many replicas there are.
        events: what was seen on volumes and by probes, and what others noted, in order.
        look_seconds: how long between two looks at the volumes.
    """

    replicas: Fleet
    size: int
    events: list[Event] = field(default_factory=list)
    look_seconds: float = LOOK_SECONDS
    _read: int = 0
    _lives: list[int] = field(default_factory=list)
    _muted: set[int] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _seen: dict[str, tuple[str, int]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._lives = [1] * self.size
        self.replicas.sql(AUDIT)
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def name(self, index: int) -> str:
        """The replica's name: another one for each volume that it has had."""
        return f"{index}.{self._lives[index]}"

    def note(self, event: Event) -> None:
        """Add an event."""
        with self._lock:
            self.events.append(event)

    def mute(self, index: int) -> None:
        """Probe a replica no more: it is stopped on purpose."""
        with self._lock:
            self._muted.add(index)

    def listen(self, index: int) -> None:
        """Probe a replica again."""
        with self._lock:
            self._muted.discard(index)

    def replace(self, index: int) -> None:
        """Remove the volume of a replica that does not run; what comes in its place has another name."""
        with self._lock:
            volume = self.replicas.syncds[index].volume
            if volume.exists():  # the one that made way may have been killed before it made one
                shutil.rmtree(volume)
            self._lives[index] += 1

    def read_database(self) -> None:
        """Read what the triggers have written since the last time."""
        rows = self.replicas.sql(f"SELECT * FROM public.audit WHERE id > {self._read} ORDER BY id")  # noqa: S608 - ours
        for row in rows:
            at, what, epoch, holder, number, digest, row_epoch, row_holder, remaining, action, passed = row.split("|")
            self._read = int(at)
            if what == "granted":
                self.note(Granted(int(epoch), holder))
            elif what == "pinned":
                self.note(Pinned(digest))
            else:
                lease = (int(row_epoch), row_holder, float(remaining))
                self.note(Recorded(int(number), digest, int(epoch), holder, *lease, action, passed))

    def _watch(self) -> None:
        looks = 0
        while not self._stop.wait(self.look_seconds):
            looks += 1
            for index in range(len(self.replicas.syncds)):
                with self._lock:
                    self.look(index)
                    muted = index in self._muted
                if not muted and looks % PROBE_EVERY == 0:
                    self._probe(index)

    def look(self, index: int) -> None:
        """Note what the volume serves, where it differs from the last look."""
        name = self.name(index)
        served = served_by(self.replicas.syncds[index].volume, name)
        # A volume that is not there yet is no news.
        if served is not None and self._seen.get(name, ("", 0)) != (served.digest, served.number):
            self._seen[name] = (served.digest, served.number)
            self.events.append(served)

    def _probe(self, index: int) -> None:
        """Ask for life and readiness; what was stopped meanwhile does not count, nor what does not listen yet."""
        name, answers = self.name(index), []
        had = self._seen.get(name, ("", 0))[1]
        for probe in ("/livez", "/readyz") if had else ("/livez",):
            with contextlib.suppress(OSError):
                answers.append(Answered(name, probe, self.replicas.syncds[index].request("GET", probe)[0]))
        with self._lock:
            if index not in self._muted and name == self.name(index):
                self.events.extend(answers)


def served_by(volume: Path, name: str) -> Served | None:
    """What ``current`` names, read as a reader does; None where the volume shows nothing to a reader, nor ever did."""
    try:
        tree = (volume / "current").readlink()
    except OSError:
        return Served(name, 0) if (volume / "syncd.lock").exists() else None
    try:
        manifest = json.loads((volume / tree / "manifest.json").read_bytes())
        whole = all(
            hashlib.sha256((volume / tree / file["path"]).read_bytes()).hexdigest() == file["sha256"]
            for file in manifest["files"]
        )
        return Served(name, manifest["number"], manifest["digest"], whole, manifest["publisher"]["epoch"])
    except (OSError, ValueError, KeyError):
        if (volume / "current").is_symlink() and (volume / "current").readlink() == tree:
            return Served(name, -1, "", whole=False)
        return None  # collected between the link and the file, long after another took its place
