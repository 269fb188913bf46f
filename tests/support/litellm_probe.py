"""A process that takes a configuration as a worker does, sends first requests, and prints what it saw as JSON.

Arguments: the path of a configuration whose models are ``demo`` (mock), ``slow`` (an upstream as OpenAI) and ``other``
(the same upstream as another provider).
"""

import asyncio
import importlib
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from routeiq_gateway.litellm_edge import proxy
from routeiq_gateway.litellm_edge.calls_in_threads import only_prepares
from routeiq_gateway.litellm_edge.environment import prepare_environment, use_config
from routeiq_gateway.litellm_edge.event_loop import Loop
from routeiq_gateway.litellm_edge.first_request_modules import MODULES

KEY = "sk-probe-7c2f91d04e"
MESSAGES = [{"role": "user", "content": "x"}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


async def probe(path: str, judged: list[tuple[Any, bool]]) -> dict[str, Any]:
    """Start LiteLLM on ``path``, ask it, and return what happened; ``judged`` is what its loop was given to run."""
    before = set(sys.modules)
    config = await proxy.read_config(path)
    application = proxy.application()
    statuses = []
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(application),
            base_url="http://probe",
            headers={"Authorization": f"Bearer {KEY}"},
        ) as client,
    ):
        for model in ("demo", "slow"):
            for stream in (False, True):
                body: dict[str, Any] = {
                    "model": model,
                    "stream": stream,
                    "messages": [{"role": "user", "content": "x"}],
                }
                statuses.append((await client.post("/v1/chat/completions", json=body)).status_code)
        late = sorted(set(sys.modules) - before)
        for model, more in (
            ("slow", {"tools": [TOOL], "temperature": 0.5}),
            ("slow", {"prompt_id": "p"}),
            ("other", {}),
        ):
            body = {"model": model, "messages": [{"role": "user", "content": "x"}], **more}
            statuses.append((await client.post("/v1/chat/completions", json=body)).status_code)
        statuses.append((await client.get("/v1/models")).status_code)
        statuses.append((await client.get("/v1/models", headers={"Authorization": ""})).status_code)
        (models, guardrails), key = proxy.loaded(), proxy.master_key(started=True)
    return {
        "raw_key": config["model_list"][0]["litellm_params"]["api_key"],
        "statuses": statuses,
        "models": [vars(model) for model in models],
        "guardrails": guardrails,
        "master_key": key,
        "known": [proxy.provider_known(name) for name in ("openai/gpt-4o", "nosuchprovider/x")],
        "late": late,
        "prepared": [[call.args[0].keywords["model"], verdict] for call, verdict in judged if prepares(call)],
        "refused": refusals(next(call for call, verdict in judged if verdict)),
    }


def prepares(call: Any) -> bool:
    """Whether the call is a chat completion's, which it is where it was given a model."""
    return isinstance(call, partial) and isinstance(call.args[0], partial) and "model" in call.args[0].keywords


def refusals(call: Any) -> dict[str, bool]:
    """Return whether a call goes to a thread: for each setting that may ask the network, for none, and wrapped."""
    litellm = importlib.import_module("litellm")
    found = {}
    for name in ("secret_manager_client", "proxy_auth", "vector_store_registry"):
        setattr(litellm, name, object())
        found[name] = not only_prepares(call)
        setattr(litellm, name, None)
    wrapped = partial(lambda prepare: prepare(), call.args[0])
    return found | {"none": not only_prepares(call), "wrapped": not only_prepares(wrapped)}


def main() -> None:
    """Import as the parent does, then probe."""
    os.environ["LITELLM_MASTER_KEY"] = KEY
    os.environ["SOME_KEY"] = "value"
    prepare_environment(os.environ, workers=2, json_logs=False, sample_rate=0.5)
    at_import = sorted(proxy.import_proxy(MODULES))
    threads = len(list(Path("/proc/self/task").iterdir()))
    use_config(Path(sys.argv[1]), debug=False, detailed_debug=False)
    judged: list[tuple[Any, bool]] = []

    def judge(call: object) -> bool:
        judged.append((call, only_prepares(call)))
        return judged[-1][1]

    with asyncio.Runner(loop_factory=lambda: Loop(judge, lambda _: None)) as runner:
        result = runner.run(probe(sys.argv[1], judged))
    sys.stdout.write("\nRESULT " + json.dumps(result | {"threads": threads, "at_import": at_import}) + "\n")


main()
