"""A process that starts as parent and worker do, sends the first request of each API, and prints what that took.

Arguments: the path of a configuration with the models ``m`` (mock) and ``e`` and ``rt`` (an upstream as OpenAI).
The last line is JSON: for each API the status, the modules imported, and how many routes FastAPI worked out.
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import fastapi.routing
import httpx
import uvloop

from routeiq_gateway.litellm_edge import proxy
from routeiq_gateway.litellm_edge.environment import prepare_environment, use_config
from routeiq_gateway.litellm_edge.first_request_modules import MODULES, import_in_worker

KEY = "sk-probe-7c2f91d04e"
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}},
}
FIRST: list[tuple[str, str, str, Any]] = [
    ("chat", "POST", "/v1/chat/completions", ASKED),
    ("chat, streamed", "POST", "/v1/chat/completions", ASKED | {"stream": True}),
    ("messages", "POST", "/v1/messages", ASKED | {"max_tokens": 9}),
    ("messages, streamed", "POST", "/v1/messages", ASKED | {"max_tokens": 9, "stream": True}),
    ("responses", "POST", "/v1/responses", {"model": "m", "input": "hi"}),
    ("embeddings", "POST", "/v1/embeddings", {"model": "e", "input": "hi"}),
    ("realtime", "WEBSOCKET", "/v1/realtime", None),
    ("mcp", "POST", "/mcp/", HELLO),
    ("mcp tools", "GET", "/mcp-rest/tools/list", None),
    ("models", "GET", "/v1/models", None),
]


async def websocket(application: Any, path: str) -> int:
    """Open a WebSocket and leave; return 101 where it was accepted."""
    sent: list[dict[str, Any]] = []
    headers = [(b"authorization", f"Bearer {KEY}".encode()), (b"host", b"probe")]
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"model=rt",
        "headers": headers,
        "scheme": "ws",
        "server": ("probe", 80),
        "client": ("127.0.0.1", 1),
        "subprotocols": [],
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "state": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.disconnect", "code": 1000} if sent else {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await asyncio.wait_for(application(scope, receive, send), 30)
    return 101 if sent[0]["type"] == "websocket.accept" else 500


async def probe(worked_out: list[object]) -> dict[str, Any]:
    """Start LiteLLM, ask, and return what each first request took."""
    application = proxy.application()
    found = {}
    async with (
        application.router.lifespan_context(application),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(application),
            base_url="http://probe",
            headers={"Authorization": f"Bearer {KEY}", "Accept": "application/json, text/event-stream"},
        ) as client,
    ):
        for name, method, path, body in FIRST:
            before, routes = set(sys.modules), len(worked_out)
            if method == "WEBSOCKET":
                status = await websocket(application, path)
            else:
                status = (await client.request(method, path, json=body)).status_code
            late = sorted(set(sys.modules) - before)
            found[name] = {"status": status, "late": late, "routes": len(worked_out) - routes}
        # LiteLLM's MCP server cannot be ended from the task that ends the process here.
        sys.stdout.write("\nRESULT " + json.dumps(found) + "\n")
        sys.stdout.flush()
        os._exit(0)


def main() -> None:
    """Start as the parent does, and then as a worker does."""
    os.environ["LITELLM_MASTER_KEY"] = KEY
    prepare_environment(os.environ, workers=2, json_logs=False, sample_rate=None)
    proxy.import_proxy(MODULES)
    proxy.work_out_routes()
    use_config(Path(sys.argv[1]), debug=False, detailed_debug=False)
    import_in_worker()
    worked_out: list[object] = []
    included: Any = fastapi.routing._IncludedRouter  # noqa: SLF001 - what is counted
    build = included._build_effective_context  # noqa: SLF001

    def counted(self: Any, route: Any) -> Any:
        worked_out.append(route)
        return build(self, route)

    included._build_effective_context = counted  # noqa: SLF001
    uvloop.run(probe(worked_out))


main()
