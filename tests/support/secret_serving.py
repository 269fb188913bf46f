"""A gateway that serves with keys of secret files, and a provider that notes the keys it is sent."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.gateway import CHAT, MASTER_KEY, Gateway, gateway
from tests.support.secret_mount import SecretMount
from tests.support.upstream import Upstream, upstream
from tests.support.waiting import wait_for

OLD, NEW, NEWEST = "Pk7-old-4fQz91Lw2Vh", "Pk7-new-83Xc5Rt0Bn6", "Pk7-newest-6Yg2Md8"


def config_for(provider: Upstream, *, extra: str = "") -> str:
    """Return a configuration whose model ``demo`` is served by ``provider`` with a key of the secret files."""
    params = f"{{model: openai/demo, api_key: os.environ/PROVIDER_KEY, api_base: {provider.base}, max_retries: 0}}"
    return f"model_list:\n  - model_name: demo\n    litellm_params: {params}\n{extra}"


@dataclass
class Served:
    """A gateway that serves, its secret files and its provider."""

    gateway: Gateway
    mount: SecretMount
    provider: Upstream
    turns: int = 0

    def secrets(self) -> dict[str, Any]:
        """What the status tells of the secret files."""
        shown: dict[str, Any] = self.gateway.status()["gateway"]["secrets"]
        return shown

    def key_in_use(self, *, master_key: str = MASTER_KEY) -> str:
        """Ask the model; return the key that the provider was sent."""
        response = self.gateway.post("/v1/chat/completions", CHAT, key=master_key)
        assert response.status_code == 200, response.text
        return self.provider.keys[-1]

    def begin(self) -> None:
        """Have the gateway serve with the key OLD."""
        self.turns += 1
        self.taken(lambda: self.mount.put({"PROVIDER_KEY": OLD, "TURN": f"{self.turns}"}))

    def taken(self, change: Callable[[], None]) -> None:
        """Change the files, and wait until what they hold is served."""
        before = self.secrets()["changed_at"]
        change()
        wait_for("the change to be taken", lambda: self.secrets()["changed_at"] != before, seconds=30)

    def refused(self, change: Callable[[], None]) -> str:
        """Change the files, and wait until that is refused; return the reason."""
        before = self.secrets()["refused"]
        change()

        def reason() -> str:
            refused = self.secrets()["refused"]
            return refused["reason"] if refused and refused != before else ""

        return wait_for("the change to be refused", reason, seconds=30)


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Served]:
    """Run a gateway that serves with the key OLD."""
    mount = SecretMount(folder / "secrets")
    mount.put({"PROVIDER_KEY": f"{OLD}\n"})
    with (
        upstream() as provider,
        gateway(folder, ROUTEIQ_SECRETS_DIR=str(mount.path), **settings) as running,
    ):
        running.volume.put(config_for(provider))
        running.wait_ready()
        yield Served(running, mount, provider)


def ask(gateway_port: int, stop: threading.Event, most: int) -> list[int]:
    """Send requests one after the other on connections of one client; return the status codes, 0 for a broken one."""
    codes: list[int] = []
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{gateway_port}", headers=headers, timeout=60) as client:
        while not stop.is_set() and len(codes) < most:
            try:
                codes.append(client.post("/v1/chat/completions", json=CHAT).status_code)
            except httpx.HTTPError:
                codes.append(0)
    return codes


def stream(port: int) -> str:
    """Return all that one stream says."""
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    said = []
    with httpx.stream(
        "POST",
        f"http://127.0.0.1:{port}/v1/chat/completions",
        json=CHAT | {"stream": True},
        headers=headers,
        timeout=60,
    ) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                said.append(json.loads(line.removeprefix("data: "))["choices"][0]["delta"].get("content") or "")
            elif line:
                said.append(line.removeprefix("data: "))
    return "".join(said)
