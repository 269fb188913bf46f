"""The two sides: stock LiteLLM and ours, each on the same configuration with the same settings."""

import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx
import yaml

from bench import processes
from routeiq_gateway.volume.documents import FileEntry, digest_of, directory_name

KEY = f"sk-{secrets.token_hex(24)}"
SCRIPTS = Path(sys.executable).parent
READY_SECONDS = 90.0
# A provider's model, and a model that somebody serves on two machines of their own, which has no price.
MODELS = (
    ("priced", "openai/gpt-4o-mini", "v1"),
    ("unpriced", "openai/a-model-without-a-price", "v1"),
    ("unpriced", "openai/a-model-without-a-price", "v2"),
    ("claude", "anthropic/claude-sonnet-4-5", "v1"),
)

Name = Literal["stock", "ours"]


def configuration(upstream: int, marker: str) -> bytes:
    """Return the configuration whose answers carry ``marker``."""
    models = [
        {
            "model_name": name,
            "litellm_params": {
                "model": model,
                "api_base": f"http://127.0.0.1:{upstream}/{marker}/{backend}",
                "api_key": "sk-of-the-upstream",
            },
        }
        for name, model, backend in MODELS
    ]
    return yaml.safe_dump({"model_list": models}, sort_keys=False).encode()


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return what both sides get."""
    inherited = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return {
        **inherited,
        "PATH": f"{SCRIPTS}:/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
        "LITELLM_MASTER_KEY": KEY,
        **extra,
    }


@dataclass(frozen=True)
class Contender:
    """What is compared: stock or ours, with extra variables of the environment."""

    name: Name
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Side:
    """A gateway under test, in a directory of its own."""

    contender: Contender
    workers: int
    directory: Path
    upstream: int
    port: int = field(default_factory=processes.free_port)
    revision: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The root of the process tree."""
        assert self.process is not None
        return self.process.pid

    def configure(self, marker: str) -> None:
        """Write the configuration whose answers carry ``marker``; ours takes it up where it runs."""
        text = configuration(self.upstream, marker)
        if self.contender.name == "stock":
            (self.directory / "config.yaml").write_bytes(text)
            return
        self.revision += 1
        entry = FileEntry("config.yaml", len(text), hashlib.sha256(text).hexdigest())
        digest = digest_of([entry])
        name = directory_name(self.revision, digest)
        folder = self.directory / "revisions" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_bytes(text)
        manifest = {"format": 1, "number": self.revision, "digest": digest, "files": [vars(entry)]}
        (folder / "manifest.json").write_text(json.dumps(manifest))
        link = self.directory / ".link"
        link.symlink_to(f"revisions/{name}")
        link.replace(self.directory / "current")

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        if self.contender.name == "stock":
            command = [str(SCRIPTS / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1"]
            command += ["--port", str(self.port), "--num_workers", str(self.workers)]
            # By default it kills workers that are still importing after 5 s, and on a busy machine never gets ready.
            command += ["--timeout_worker_healthcheck", "60"]
            own: dict[str, str] = {}
        else:
            command = [str(SCRIPTS / "routeiq-gateway")]
            own = {"HOST": "127.0.0.1", "PORT": str(self.port), "ROUTEIQ_VOLUME": str(self.directory)}
            own["ROUTEIQ_WORKERS"] = str(self.workers)
        self.process = processes.start(command, environment({**own, **self.contender.extra}), self.directory)

    def wait_ready(self) -> tuple[float, float]:
        """Return when LiteLLM's readiness route answered and when the first completion did (monotonic seconds).

        Raises:
            TimeoutError: not ready in time.
        """
        deadline = time.monotonic() + READY_SECONDS
        base = f"http://127.0.0.1:{self.port}"
        ready = None
        while time.monotonic() < deadline:
            try:
                if ready is None:
                    httpx.get(f"{base}/health/readiness", timeout=5).raise_for_status()
                    ready = time.monotonic()
                httpx.post(
                    f"{base}/v1/chat/completions",
                    headers={"Authorization": f"Bearer {KEY}"},
                    json={"model": "priced", "messages": [{"role": "user", "content": "first"}]},
                    timeout=30,
                ).raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.02)
                continue
            return ready, time.monotonic()
        log = (self.directory / "output.log").read_text(errors="replace")[-2000:]
        raise TimeoutError(f"{self.contender.name} is not ready in {READY_SECONDS:g} s; its log ends:\n{log}")

    def stop(self) -> None:
        """End the process and what it started."""
        if self.process is not None:
            processes.end(self.process)
            self.process = None


@contextmanager
def serving(side: Side) -> Iterator[Side]:
    """Run ``side`` on its first configuration for as long as the block lasts; it may not be ready yet."""
    side.configure("one")
    side.start()
    try:
        yield side
    finally:
        side.stop()
