"""A real gateway on a volume that the test writes as syncd would."""

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.support.processes import SCRIPTS, Running, clean_environment, free_port, running
from tests.support.waiting import wait_for

MASTER_KEY = "sk-test-5b1d0c7a9e3f4c6d8b2a"
READY_SECONDS = 60
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}


def config_with(answer: str, *, extra: str = "") -> str:
    """Return a configuration whose model ``demo`` answers ``answer``."""
    return (
        "model_list:\n"
        "  - model_name: demo\n"
        f'    litellm_params: {{model: openai/demo, api_key: unused, mock_response: "{answer}"}}\n{extra}'
    )


@dataclass
class TestVolume:
    """A volume under ``root``; the test stands in for syncd and follows the pinned format of the manifest."""

    __test__ = False

    root: Path
    number: int = 0

    def put(
        self,
        config: str | bytes,
        *,
        link: str = "current",
        number: int | None = None,
        source: str = "",
        tree: Mapping[str, str] | None = None,
        **files: str,
    ) -> str:
        """Write a revision and point ``link`` to it; return its digest.

        ``source`` is the location that its manifest names, none where it is empty. Further files are those of ``tree``,
        by path, and those of ``files``, by name with ``__`` for the dot.
        """
        self.number = number if number is not None else self.number + 1
        contents = {"config.yaml": config.encode() if isinstance(config, str) else config}
        contents |= {name: text.encode() for name, text in (tree or {}).items()}
        contents |= {name.replace("__", "."): text.encode() for name, text in files.items()}
        entries = [
            {"path": name, "size": len(text), "sha256": hashlib.sha256(text).hexdigest()}
            for name, text in sorted(contents.items())
        ]
        lines = "".join(f"{entry['path']}\0{entry['size']}\0{entry['sha256']}\n" for entry in entries)
        digest = hashlib.sha256(lines.encode()).hexdigest()
        directory = self.root / "revisions" / f"{self.number:06d}-{digest[:12]}"
        directory.mkdir(parents=True)
        for name, text in contents.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(text)
        manifest: dict[str, Any] = {"format": 1, "number": self.number, "digest": digest, "files": entries}
        if source:
            manifest["source"] = {"kind": "file", "location": source}
        (directory / "manifest.json").write_text(json.dumps(manifest))
        self.point(link, directory)
        return digest

    def point(self, link: str, directory: Path) -> None:
        """Swap ``link`` in one step, as syncd does."""
        temporary = self.root / f".{link}"
        temporary.symlink_to(f"revisions/{directory.name}")
        temporary.replace(self.root / link)

    def answer(self) -> dict[str, Any]:
        """Return the gateway's answer on the volume; empty where there is none yet."""
        try:
            document: dict[str, Any] = json.loads((self.root / "answers/gateway.json").read_text())
        except FileNotFoundError:
            return {}
        return document


@dataclass
class Gateway:
    """A gateway that runs, and how to ask it."""

    process: Running
    port: int
    volume: TestVolume

    def client(self, *, key: str = MASTER_KEY) -> httpx.Client:
        """Return a client with ``key``, or with none where it is empty; close it after use."""
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=60,
        )

    def get(self, path: str) -> httpx.Response:
        """GET without a key, on a connection of its own."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", timeout=30)

    def post(self, path: str, document: Any = None, *, key: str = MASTER_KEY) -> httpx.Response:
        """POST with a key, on a connection of its own."""
        with self.client(key=key) as client:
            return client.post(path, json=document)

    def chat(self) -> str:
        """Ask the model ``demo``; return what it says.

        Raises:
            httpx.HTTPError: not answered, or answered with something other than 200.
        """
        response = self.post("/v1/chat/completions", CHAT)
        response.raise_for_status()
        return str(response.json()["choices"][0]["message"]["content"])

    def ready(self) -> bool:
        """Whether ``/health/ready`` says 200."""
        try:
            return self.get("/health/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def status(self) -> dict[str, Any]:
        """Return the status that needs no key."""
        response = self.get("/llmrouter/config/sync/status")
        response.raise_for_status()
        document: dict[str, Any] = response.json()
        return document

    def wait_ready(self) -> None:
        """Wait until the gateway is ready."""
        wait_for("the gateway to be ready", self.ready, seconds=READY_SECONDS)

    def wait_serving(self, digest: str) -> None:
        """Wait until the revision with ``digest`` is served."""
        wait_for(
            f"revision {digest[:12]} to be served",
            lambda: (
                (self.volume.answer().get("serving") or {}).get("digest") == digest
                and self.volume.answer()["state"] == "serving"
            ),
        )

    def wait_refused(self, digest: str) -> str:
        """Wait until the revision with ``digest`` is refused; return the reason."""

        def reason() -> str:
            refused = self.volume.answer().get("refused") or {}
            return str(refused["reason"]) if refused.get("digest") == digest else ""

        return wait_for(f"revision {digest[:12]} to be refused", reason)

    def workers(self, *states: str) -> list[int]:
        """Return the pids of workers in ``states`` (default: ready)."""
        wanted = states or ("ready",)
        return [worker["pid"] for worker in self.volume.answer().get("workers", []) if worker["state"] in wanted]


@contextlib.contextmanager
def gateway(
    folder: Path, *, port: int | None = None, scripts: Path = SCRIPTS, through: Sequence[str] = (), **settings: str
) -> Iterator[Gateway]:
    """Run the gateway of ``scripts`` on a volume in ``folder`` and end it, and every worker it left, afterwards.

    ``through`` is a command that becomes the gateway, such as setpriv(1) with its options.
    """
    volume = TestVolume(folder / "volume")
    volume.root.mkdir(exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    port = port or free_port()
    environment = clean_environment(
        **{
            "ROUTEIQ_VOLUME": str(volume.root),
            "PORT": str(port),
            "HOST": "127.0.0.1",
            "ROUTEIQ_WORKERS": "2",
            "LITELLM_MASTER_KEY": MASTER_KEY,
            "LOG_FORMAT": "json",
            "TMPDIR": str(folder / "tmp"),
            **settings,
        }
    )
    command = [*through, str(scripts / "routeiq-gateway")]
    with running(command, output=folder / "gateway.log", environment=environment, cwd=folder) as process:
        yield Gateway(process, port, volume)


def alive(pids: Iterable[int]) -> bool:
    """Whether any of ``pids`` still runs; a zombie that its new parent has not reaped yet does not."""
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                return True
    return False


def tree_of(pid: int) -> list[psutil.Process]:
    """Return a process and all below it."""
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]
