"""A process that takes a configuration as a worker does, sends first requests, and prints what it saw as JSON.

Arguments: the path of a configuration whose models are ``demo`` (mock) and ``slow`` (an upstream).
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import httpx

from routeiq_gateway import litellm_edge
from routeiq_gateway.preload import MODULES

KEY = "sk-probe-7c2f91d04e"


async def probe(path: str) -> dict[str, Any]:
    """Start LiteLLM on ``path``, ask it, and return what happened."""
    before = set(sys.modules)
    config = await litellm_edge.read_config(path)
    application = litellm_edge.application()
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
                body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "x"}]}
                statuses.append((await client.post("/v1/chat/completions", json=body)).status_code)
        statuses.append((await client.get("/v1/models")).status_code)
        statuses.append((await client.get("/v1/models", headers={"Authorization": ""})).status_code)
        loaded, key = litellm_edge.loaded(), litellm_edge.master_key()
    return {
        "raw_key": config["model_list"][0]["litellm_params"]["api_key"],
        "statuses": statuses,
        "models": [vars(model) for model in loaded.models],
        "guardrails": loaded.guardrails,
        "master_key": key,
        "has_database": litellm_edge.has_database(),
        "known": [litellm_edge.provider_known(name) for name in ("openai/gpt-4o", "nosuchprovider/x")],
        "late": sorted(set(sys.modules) - before),
    }


def main() -> None:
    """Import as the parent does, then probe."""
    os.environ["LITELLM_MASTER_KEY"] = KEY
    os.environ["SOME_KEY"] = "value"
    litellm_edge.prepare_environment(os.environ, workers=2, json_logs=False, sample_rate=0.5)
    litellm_edge.import_proxy(MODULES)
    threads = len(list(Path("/proc/self/task").iterdir()))
    litellm_edge.use_config(sys.argv[1])
    result = asyncio.run(probe(sys.argv[1]))
    sys.stdout.write("\nRESULT " + json.dumps(result | {"threads": threads}) + "\n")


main()
