"""Opening a volume: its directories are made, and a lock holds a second writer off."""

import fcntl
import os
from pathlib import Path

from routeiq_syncd.volume.volume import LOCK, REVISIONS, Checkpoint, Volume, VolumeUnusableError, no_checkpoint


def open_volume(root: Path, checkpoint: Checkpoint = no_checkpoint) -> Volume:
    """Lock the volume at ``root``, a directory that is made where it is missing.

    Raises:
        VolumeUnusableError: another syncd writes the volume, or it cannot be written.
    """
    lock = -1
    try:
        for directory in (root, root / REVISIONS, root / "answers"):
            directory.mkdir(mode=0o770, parents=True, exist_ok=True)
        lock = os.open(root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise VolumeUnusableError(f"Another syncd writes the volume {root}; stop it, or set ROUTEIQ_VOLUME.") from None
    except OSError as error:
        if lock >= 0:
            os.close(lock)
        raise VolumeUnusableError(
            f"The volume {root} cannot be written: {error.strerror}; mend it, or set ROUTEIQ_VOLUME."
        ) from None
    return Volume(root, lock, checkpoint)
