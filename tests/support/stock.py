"""Stock LiteLLM, started by its own command line, to compare the gateway with."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.gateway import MASTER_KEY
from tests.support.processes import SCRIPTS, Running, clean_environment, free_port, running
from tests.support.waiting import wait_for

READY_SECONDS = 90


@dataclass
class Stock:
    """Stock LiteLLM that runs, and where it listens."""

    process: Running
    port: int

    @property
    def base(self) -> str:
        """The URL of its root."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self) -> bool:
        """Whether it answers."""
        try:
            return httpx.get(f"{self.base}/health/liveliness", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def wait_ready(self) -> None:
        """Wait until it answers."""
        wait_for("stock LiteLLM to answer", self.ready, seconds=READY_SECONDS)


@contextlib.contextmanager
def stock(folder: Path, config: str, *, scripts: Path = SCRIPTS, **settings: str) -> Iterator[Stock]:
    """Run ``litellm --config`` on ``config`` in ``folder``; end it and all that it started afterwards."""
    (folder / "config.yaml").write_text(config)
    (folder / "tmp").mkdir(exist_ok=True)
    port = free_port()
    environment = clean_environment(
        **{
            "LITELLM_MASTER_KEY": MASTER_KEY,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
            "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
            "DISABLE_SCHEMA_UPDATE": "true",
            "TMPDIR": str(folder / "tmp"),
            **settings,
        }
    )
    command = [str(scripts / "litellm"), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    with running(command, output=folder / "stock.log", environment=environment, cwd=folder) as process:
        yield Stock(process, port)
