"""LiteLLM runs with what its own command line hands to its workers, not with the defaults of the function they call."""

import json
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.support.clients.connections import Connections
from tests.support.clients.sides import Sides
from tests.support.gateway import CHAT, MASTER_KEY, gateway
from tests.support.processes import SCRIPTS
from tests.support.stock import stock

SHOWS = """
import json, os
import litellm
from litellm.integrations.custom_logger import CustomLogger


class Shows(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        from litellm.proxy import proxy_server
        plain = (str, int, float, bool, type(None))
        kept = {
            f"{module.__name__}.{name}": value
            for module in (litellm, proxy_server)
            for name, value in vars(module).items()
            if isinstance(value, plain) and not name.startswith("__")
        }
        with open(os.environ["SHOWN"], "w") as file:
            json.dump(kept, file)


shows = Shows()
"""
CONFIGURATION = """
model_list:
  - {model_name: demo, litellm_params: {model: openai/demo, api_key: unused, mock_response: pong}}
litellm_settings: {callbacks: shows.shows}
"""
OWN = {
    "litellm.json_logs",
    "litellm.proxy.proxy_server.json_logs",
    "litellm.proxy.proxy_server.user_config_file_path",
}
"""What the gateway sets itself, or what names a path."""


def shown(base: str, file: Path) -> dict[str, Any]:
    """Have LiteLLM show its settings at a request; return them."""
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    httpx.post(f"{base}/v1/chat/completions", json=CHAT, headers=headers, timeout=60).raise_for_status()
    settings: dict[str, Any] = json.loads(file.read_text())
    return {name: value for name, value in settings.items() if name not in OWN}


def test_litellm_runs_with_the_settings_that_stock_has(tmp_path: Path) -> None:
    """Each plain setting of LiteLLM and of its proxy has the value that it has under LiteLLM's own command."""
    folders = [tmp_path / "stock", tmp_path / "ours"]
    for folder in folders:
        folder.mkdir()
    files = [folder / "shown.json" for folder in folders]
    (folders[0] / "shows.py").write_text(SHOWS)
    own = {"ROUTEIQ_WORKERS": "1", "SHOWN": str(files[1])}
    with (
        stock(folders[0], CONFIGURATION, scripts=SCRIPTS, SHOWN=str(files[0])) as running,
        gateway(folders[1], port=None, scripts=SCRIPTS, **own) as ours,
    ):
        ours.volume.put(CONFIGURATION, shows__py=SHOWS)
        running.wait_ready()
        ours.wait_ready()
        expected = shown(running.base, files[0])
        found = shown(f"http://127.0.0.1:{ours.port}", files[1])
    names = expected.keys() | found.keys()
    differ = {n: (expected.get(n), found.get(n)) for n in names if expected.get(n) != found.get(n)}
    assert differ == {}


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_the_provider_cannot_process_fails(sides: Sides, *, stream: bool) -> None:
    """The provider's 422 is a 422 to the client, as with stock, and no empty success."""
    for base in sides.bases:
        with Connections(base) as to, pytest.raises(openai.UnprocessableEntityError):
            to.openai.chat.completions.create(
                model="gpt", messages=[{"role": "user", "content": "fail 422"}], stream=stream
            )


def test_a_parameter_that_the_provider_does_not_know_is_refused(sides: Sides) -> None:
    """A parameter that the model's provider lacks is refused, as by stock, and not dropped in silence."""
    for base in sides.bases:
        with Connections(base) as to, pytest.raises(openai.BadRequestError, match="UnsupportedParamsError"):
            to.openai.chat.completions.create(
                model="claude", messages=[{"role": "user", "content": "Hello"}], logit_bias={"50256": -100}
            )


def test_drop_params_false_holds(tmp_path: Path, sides: Sides) -> None:
    """``drop_params: false`` in the configuration holds: a parameter that the provider lacks is refused."""
    configuration = sides.providers.configuration() + "litellm_settings: {drop_params: false}\n"
    with gateway(tmp_path, port=None, scripts=SCRIPTS, ROUTEIQ_WORKERS="1") as ours:
        ours.volume.put(configuration)
        ours.wait_ready()
        with Connections(f"http://127.0.0.1:{ours.port}") as to, pytest.raises(openai.BadRequestError):
            to.openai.chat.completions.create(
                model="claude", messages=[{"role": "user", "content": "Hello"}], logit_bias={"50256": -100}
            )
