"""A real file system that answers nothing."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def silent_disk(folder: Path) -> Iterator[None]:
    """Mount a file system on ``folder`` that answers nothing, as a network's does whose server is gone."""
    server = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0"
    subprocess.run(["mount", "-i", "-t", "fuse", "-o", options, "silent", str(folder)], check=True, pass_fds=[server])
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        os.close(server)  # whoever waits gets an error
