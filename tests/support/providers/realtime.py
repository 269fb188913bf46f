"""A realtime WebSocket in OpenAI's shape: https://platform.openai.com/docs/api-reference/realtime-server-events."""

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket


async def session(socket: WebSocket) -> None:
    """Open a session, then answer each ``response.create`` with a text, until the client leaves."""
    await socket.accept()
    opened = {"id": "sess_1", "object": "realtime.session", "type": "realtime", "model": "gpt-realtime"}
    await socket.send_json({"type": "session.created", "event_id": "event_0", "session": opened})
    number = 0
    async for event in socket.iter_json():
        if event.get("type") != "response.create":
            continue
        number += 1
        place = {"response_id": f"resp_{number}", "item_id": "item_1", "output_index": 0, "content_index": 0}
        text = f"answer-{number}"
        await socket.send_json(
            {"type": "response.output_text.delta", "event_id": f"event_{number}a", **place, "delta": text}
        )
        done = {"id": f"resp_{number}", "object": "realtime.response", "status": "completed", "output": []}
        await socket.send_json({"type": "response.done", "event_id": f"event_{number}b", "response": done})


def routes() -> list[WebSocketRoute]:
    """Return the route of the WebSocket."""
    return [WebSocketRoute("/v1/realtime", session)]
