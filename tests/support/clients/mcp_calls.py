"""Calls with the MCP SDK's client, over streamable HTTP."""

import asyncio
from functools import partial
from typing import Any, Literal

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.support.clients.connections import PATIENCE, Connections
from tests.support.gateway import MASTER_KEY


async def use(base: str, mode: Literal["legacy", "auto"]) -> list[Any]:
    """Initialize, list the tools, and call one."""
    headers = {"Authorization": f"Bearer {MASTER_KEY}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http,
        Client(streamable_http_client(f"{base}/mcp/", http_client=http), mode=mode) as client,
    ):
        listed = await client.list_tools()
        called = await client.call_tool(listed.tools[0].name, {"a": 2, "b": 3})
        return [client.server_info, client.server_capabilities, listed, called]


def tools(to: Connections, *, mode: Literal["legacy", "auto"]) -> Any:
    """Use the server behind the proxy for one session."""
    return asyncio.run(use(to.base, mode))


CALLS = {
    "mcp": partial(tools, mode="auto"),
    "mcp by its first handshake": partial(tools, mode="legacy"),
}
