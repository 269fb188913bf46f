"""The placeholder: the application that stands in for LiteLLM while there is no configuration."""

from routeiq_gateway.worker.replies import Receive, Reply, Scope, Send, error_body, send_reply

TRY_AGAIN_LATER = 1013
"""The close code of that name in IANA's registry of WebSocket close codes."""


async def placeholder(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 503 to every request."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": TRY_AGAIN_LATER})
        return
    body = error_body("no configuration has been accepted yet; see /llmrouter/config/sync/status")
    await send_reply(send, Reply(503, body))
