"""The whole product under supervisord, as one container runs it."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.support.gateway import MASTER_KEY, Gateway, TestVolume, config_with
from tests.support.processes import REPOSITORY, SCRIPTS, Running, clean_environment, free_port, running
from tests.support.s3 import Server
from tests.support.waiting import wait_for

POLL_SECONDS = 1


@dataclass
class Stack:
    """supervisord and its three programs."""

    supervisord: Running
    gateway: Gateway
    syncd_port: int

    def pid(self, program: str) -> int:
        """Return the pid of a program's process, waiting for supervisord to have started it."""
        return wait_for(f"{program} to run", lambda: self._find(program), seconds=60)

    def wait_for_log(self, fragment: str) -> None:
        """Wait until one of the processes has logged ``fragment``."""
        self.supervisord.wait_for_text(fragment, seconds=60)

    def _find(self, program: str) -> int:
        for child in psutil.Process(self.supervisord.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(part.endswith(f"/routeiq-{program}") for part in child.cmdline()):
                    return child.pid
        return 0


@contextlib.contextmanager
def stack(
    folder: Path,
    settings: Mapping[str, str],
    *,
    volume: Path | None = None,
    descriptor: int | None = None,
    ports: tuple[int, int] | None = None,
) -> Iterator[Stack]:
    """Run supervisord with the repository's configuration on a volume in ``folder``; end it afterwards.

    ``descriptor`` takes its output in the place of a file; ``ports`` are the gateway's and syncd's, free ones as a
    rule.
    """
    root = volume or folder / "volume"
    root.mkdir(exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    port, syncd_port = ports or (free_port(), free_port())
    environment = clean_environment(
        **{
            "ROUTEIQ_VOLUME": str(root),
            "PORT": str(port),
            "HOST": "127.0.0.1",
            "SYNCD_ADDR": f"127.0.0.1:{syncd_port}",
            "ROUTEIQ_WORKERS": "2",
            "CONFIG_SYNC_INTERVAL": str(POLL_SECONDS),
            "LITELLM_MASTER_KEY": MASTER_KEY,
            "LOG_FORMAT": "json",
            "TMPDIR": str(folder / "tmp"),
            **settings,
        }
    )
    command = [str(SCRIPTS / "supervisord"), "-c", str(REPOSITORY / "supervisord.conf")]
    with running(
        command, output=folder / "stack.log", environment=environment, cwd=folder, descriptor=descriptor
    ) as supervisord:
        try:
            yield Stack(supervisord, Gateway(supervisord, port, TestVolume(root)), syncd_port)
        finally:
            end(supervisord)


@contextlib.contextmanager
def stack_of_file(folder: Path, descriptor: int | None = None, **settings: str) -> Iterator[Stack]:
    """A stack that serves the answer ``x`` from a file."""
    config = folder / "config.yaml"
    config.write_text(config_with("x"))
    with stack(folder, {"LITELLM_CONFIG_PATH": str(config), **settings}, descriptor=descriptor) as running:
        running.gateway.wait_ready()
        yield running


def from_s3(server: Server, bucket: str) -> dict[str, str]:
    """Return the settings of a stack whose configuration is the object ``config.yaml`` of ``bucket``."""
    return {"CONFIG_SOURCE": "s3", "S3_BUCKET_NAME": bucket, **server.settings, "AWS_DEFAULT_REGION": "us-east-1"}


def end(supervisord: Running) -> None:
    """End supervisord and what it started; programs have process groups of their own."""
    if supervisord.process.poll() is not None:
        return
    below = psutil.Process(supervisord.pid).children(recursive=True)
    supervisord.process.terminate()
    _, alive = psutil.wait_procs(below, timeout=30)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
