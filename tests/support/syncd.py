"""A syncd under test: its volume, its port, its environment."""

import contextlib
import hashlib
import http.client
import json
import os
import pty
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.processes import REPOSITORY, Running, clean_environment, free_port, running
from tests.support.waiting import wait_for

RUN = ("routeiq-syncd", "run")
MODEL = """\
model_list:
  - model_name: {name}
    litellm_params:
      model: openai/x
      mock_response: hello
"""


def config(name: str = "demo") -> str:
    """A configuration with one model."""
    return MODEL.format(name=name)


@dataclass
class Syncd:
    """One volume, and the commands that work on it."""

    directory: Path
    settings: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)

    @property
    def volume(self) -> Path:
        """The volume."""
        return self.directory / "volume"

    @property
    def config(self) -> Path:
        """The configuration of the source `file`."""
        return self.directory / "config" / "config.yaml"

    @property
    def log(self) -> Path:
        """What `run` printed."""
        return self.directory / "syncd.log"

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of every command; ``more`` overrides."""
        settings = {
            "ROUTEIQ_VOLUME": str(self.volume),
            "LITELLM_CONFIG_PATH": str(self.config),
            "SYNCD_ADDR": f"127.0.0.1:{self.port}",
            "CONFIG_SYNC_INTERVAL": "0.5",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        return clean_environment(**(settings | self.settings | more))

    def write(self, text: str, name: str = "config.yaml") -> None:
        """Put a file beside the configuration, whole at once."""
        path = self.config.parent / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        temporary.write_text(text)
        temporary.rename(path)

    def call(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            ["routeiq-syncd", *arguments],
            env=self.environment(**more),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def on_terminal(self, *arguments: str) -> str:
        """Run a command whose output is a terminal, which has to succeed; return what the terminal got."""
        ours, terminal = pty.openpty()
        command, environment = ["routeiq-syncd", *arguments], self.environment()
        with open(ours, "rb", buffering=0) as screen:  # noqa: PTH123 - takes over a descriptor
            with subprocess.Popen(command, env=environment, cwd=self.directory, stdout=terminal) as process:
                os.close(terminal)
                shown = b""
                with contextlib.suppress(OSError):  # EIO: the other end is closed
                    while piece := screen.read(65536):
                        shown += piece
            assert process.returncode == 0
        return shown.decode().replace("\r\n", "\n")

    def once(self, **more: str) -> dict[str, Any]:
        """Run `once` and return what it printed."""
        result: dict[str, Any] = json.loads(self.call("once", **more).stdout)
        return result

    @contextlib.contextmanager
    def steps(self, log: Path) -> Iterator[Callable[[str], int]]:
        """Yield a function that runs `once`, killed when the step it is given is done; it returns the exit code."""
        command = [sys.executable, str(REPOSITORY / "tests/support/syncd_steps.py"), str(log)]
        with subprocess.Popen(
            command, env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:

            def once(step: str) -> int:
                assert server.stdin is not None
                assert server.stdout is not None
                server.stdin.write(step + "\n")
                server.stdin.flush()
                return int(server.stdout.readline())

            yield once

    @contextlib.contextmanager
    def run(
        self, settings: Mapping[str, str] | None = None, *, output: Path | None = None, through: Sequence[str] = ()
    ) -> Iterator[Running]:
        """Run `run` for the length of the block; ``through`` is a command that becomes syncd, such as setpriv(1)."""
        environment = self.environment(**(settings or {}))
        with running([*through, *RUN], output=output or self.log, environment=environment) as process:
            yield process

    def request(self, method: str, path: str) -> tuple[int, Any]:
        """Ask over TCP."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        return _ask(connection, method, path)

    def command(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Ask over the control socket; ``body`` is sent as JSON."""
        connection = http.client.HTTPConnection("localhost", timeout=60)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(self.volume / "syncd.sock"))
        return _ask(connection, method, path, None if body is None else json.dumps(body))

    def status(self) -> dict[str, Any]:
        """The status; empty while nothing answers."""
        try:
            return dict(self.request("GET", "/status")[1])
        except OSError:
            return {}

    def wait_for_status(self, what: str, **fields: Any) -> dict[str, Any]:
        """Wait until the status has the given values; ``a__b`` is the field b of a."""

        def matches() -> dict[str, Any]:
            status = self.status()
            return status if status and all(_field(status, name) == value for name, value in fields.items()) else {}

        return wait_for(what, matches)

    def current(self) -> tuple[int, dict[str, bytes]]:
        """Read what `current` names as a reader does, prove it complete, and return number and files."""
        tree = self.volume / "current"
        manifest = json.loads((tree / "manifest.json").read_bytes())
        files = {file["path"]: (tree / file["path"]).read_bytes() for file in manifest["files"]}
        for file in manifest["files"]:
            assert hashlib.sha256(files[file["path"]]).hexdigest() == file["sha256"]
        on_disk = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
        assert on_disk == {*files, "manifest.json"}
        return manifest["number"], files

    def leftovers(self) -> list[str]:
        """Names that a finished writer does not leave."""
        return [path.name for path in self.volume.rglob(".tmp-*")]


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: str | None = None) -> tuple[int, Any]:
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def _field(status: dict[str, Any], name: str) -> Any:
    value: Any = status
    for part in name.split("__"):
        value = value.get(part) if isinstance(value, dict) else None
    return value
