"""Noticing a volume that hangs: a thread asks its file system again and again, and supervisord counts the silence.

Programs hang with their volume, and each new start of theirs hangs anew, so it heals nothing to kill them. Only the
thread waits for the file system; no other code of supervisord's touches the volume while programs run.
"""

import contextlib
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

ASK_SECONDS = 5.0
"""Between two questions."""
DOUBT_SECONDS = 15.0
"""Of silence after which what hangs is the volume's fault."""
LOST_SECONDS = 55.0
"""Of silence after which the volume is given up. With the look at the end of them, the time for requests and the last
turn of supervisord's loop, the replica ends within 90 s."""
LONGEST_GAP = 10.0
"""Seconds that one look may add: what kept supervisord itself from looking is not the volume's silence."""


@dataclass
class VolumeWatch:
    """Asks the file system of the volume in ``folder``, and tells for how long it has been silent."""

    folder: Path
    _answers: int = 0
    _seen: int = -1
    _silent: float = 0.0
    _looked: float = 0.0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def silent(self, now: float) -> float:
        """Return for how many seconds the file system has not answered, and see to it that it is asked.

        ``now`` is in seconds of a monotonic clock.
        """
        gap, self._looked = min(now - self._looked, LONGEST_GAP), now
        if self._answers != self._seen or not self._asks():
            self._seen, self._silent = self._answers, 0.0
        else:
            self._silent += gap
        return self._silent

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()

    def _asks(self) -> bool:
        """Whether the thread runs; it is started where it does not, unless the system refuses one now."""
        if self._thread is not None:
            return True
        thread = threading.Thread(target=self._ask, name="volume", daemon=True)
        with contextlib.suppress(RuntimeError):
            thread.start()
            self._thread = thread
        return False

    def _ask(self) -> None:
        while not self._ended.wait(ASK_SECONDS):
            with contextlib.suppress(OSError):  # an error is an answer too; the programs tell of it
                os.statvfs(self.folder)  # which no cache answers, as it may a question for a name
                os.listdir(self.folder)  # noqa: PTH208 - a call, and no iterator
            self._answers += 1
