"""The gateway's own HTTP routes, as one worker answers them."""

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx

from routeiq_gateway.ipc.channel import Channel, Message
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge import proxy
from routeiq_gateway.settings import PARENT_HANG, Settings
from routeiq_gateway.worker.master_key import check_master_key
from routeiq_gateway.worker.placeholder import placeholder
from routeiq_gateway.worker.replies import Application, Call, Handler, Reply, error_body
from routeiq_gateway.worker.syncd_client import Syncd, SyncdDownError

RELOAD_MARGIN = 5.0
"""Seconds that a reload is waited for beyond the parent's own limit."""
REVISIONS = "/llmrouter/config/sync/revisions/"
WITH_KEY = "who has the master key"
NO_FLEET = "there is no fleet: syncd decides for this volume alone; for several replicas give it DATABASE_URL"


@dataclass
class Routes:
    """The handlers.

    Attributes:
        page: holds the answer of the whole gateway.
        syncd: knows the state of the source and of the replicas.
        channel: leads to the parent, which reloads.
        inner: LiteLLM's application, asked for the state of its database.
        warnings: returns the doubts about the configuration that this worker serves.
    """

    page: SharedPage
    syncd: Syncd
    channel: Channel
    settings: Settings
    inner: Application
    warnings: Callable[[], tuple[str, ...]] = tuple
    _asked: dict[int, asyncio.Future[Message]] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=itertools.count)

    def table(self) -> dict[tuple[str, str], Handler]:
        """Return the handlers by method and path."""
        return {
            ("GET", "/health/live"): self._live,
            ("GET", "/health/ready"): self._ready,
            ("GET", "/llmrouter/config/sync/status"): self._status,
            ("GET", "/llmrouter/config/sync/fleet"): partial(self._with_key, partial(self._view, "/fleet")),
            ("GET", "/llmrouter/config/sync/history"): partial(self._with_key, partial(self._view, "/history")),
            ("GET", f"{REVISIONS}*"): partial(self._with_key, self._revision),
            ("GET", "/llmrouter/config/sync/diff"): partial(self._with_key, self._diff),
            **{
                ("POST", f"/llmrouter/config/sync/{action}"): partial(self._with_key, partial(self._command, action))
                for action in ("rollback", "pin", "unpin")
            },
            ("GET", "/llmrouter/config/sync/explain"): partial(self._with_key, partial(self._view, "/explain")),
            ("POST", "/llmrouter/config/reload"): partial(self._with_key, self._reload),
        }

    def reloaded(self, message: Message) -> None:
        """Take the parent's answer to a reload that was asked for here."""
        future = self._asked.get(message["id"])
        if future is not None and not future.done():
            future.set_result(message)

    async def _with_key(self, handler: Handler, call: Call) -> Reply:
        key = proxy.master_key(started=self.inner is not placeholder)
        return check_master_key(key, proxy.key_headers(), call) or await handler(call)

    async def _live(self, _call: Call) -> Reply:
        seconds = self.page.since_turn(time.monotonic())
        # An orphan's parent does not hang, it is dead, and the supervisor knows.
        if seconds > PARENT_HANG and not self.channel.closed:
            return Reply(503, {"status": "not live", "reason": f"the gateway's parent hangs, for {seconds:.0f} s now"})
        return Reply(200, {"status": "live"})

    async def _ready(self, _call: Call) -> Reply:
        answer = self.page.read()
        problem = _not_ready(answer)
        if problem is None and self.settings.ready_requires_db and not await self._database_up():
            problem = "the database does not answer, and ROUTEIQ_READY_REQUIRES_DB is set"
        if problem is not None:
            return Reply(503, {"status": "not ready", "reason": await self._explained(problem, answer)})
        return Reply(200, {"status": "ready", "revision": answer["serving"]["number"]})

    async def _explained(self, problem: str, answer: dict[str, Any]) -> str:
        """Return ``problem``; where nothing was ever served, with what keeps syncd from making a revision."""
        if answer.get("serving") or answer.get("refused"):
            return problem
        status = await self.syncd.status()
        refused, error = _by_syncd(status.get("refused")), status.get("last_error")
        if refused is not None:
            return f"{problem}; syncd refuses the configuration: {refused.get('reason')}"
        return f"{problem}; syncd says: {error.get('message')}" if isinstance(error, dict) else problem

    async def _database_up(self) -> bool:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.inner), base_url="http://gateway") as client:
            return (await client.get("/health/readiness")).status_code == httpx.codes.OK

    async def _status(self, _call: Call) -> Reply:
        status = await self.syncd.status()
        answer = self.page.read()
        # syncd reads the gateway's answer from the volume, a little later than it is on the page.
        status["serving"] = answer.get("serving")
        by_syncd = _by_syncd(status.get("refused"))
        by_gateway = {"by": "gateway", **answer["refused"]} if answer.get("refused") else None
        # syncd's refusal is about what the source holds now, the gateway's about a revision before that.
        status["refused"] = by_syncd or by_gateway
        shown = ("state", "instance", "workers", "updated_at", "note", "secrets")
        status["gateway"] = {name: answer.get(name) for name in shown}
        status["gateway"]["warnings"] = list(self.warnings())
        return Reply(200, status)

    async def _view(self, path: str, _call: Call) -> Reply:
        try:
            code, view = await self.syncd.view(path)
        except SyncdDownError as error:
            return Reply(503, {"error": str(error)})
        if code == httpx.codes.NOT_FOUND and path == "/fleet":
            return Reply(404, {"error": NO_FLEET})
        return Reply(code, view)

    async def _revision(self, call: Call) -> Reply:
        number = call.path.rpartition(REVISIONS)[2]
        return await self._view(f"/revision?{urlencode({'number': number})}", call)

    async def _diff(self, call: Call) -> Reply:
        return await self._view(f"/diff?{urlencode(parse_qsl(call.query))}", call)

    async def _command(self, action: str, call: Call) -> Reply:
        """Have syncd roll back, pin or unpin; it reads the body and says what is wrong with it."""
        try:
            body = json.loads(call.body.strip() or b"{}")
        except (ValueError, RecursionError):
            return Reply(400, {"error": 'the body is not JSON; send an object such as {"number": 41, "note": "why"}'})
        if isinstance(body, dict):
            body.setdefault("by", WITH_KEY)
        try:
            code, answer = await self.syncd.command(f"/{action}", json.dumps(body).encode())
        except SyncdDownError as error:
            return Reply(503, {"error": f"{error}. See the history before you ask again."})
        return Reply(code, answer)

    async def _reload(self, call: Call) -> Reply:
        if call.malformed:
            return Reply(400, error_body("the body is not JSON; this route needs none"))
        body: dict[str, Any] = {}
        try:
            status = await self.syncd.poll()
            body["fetch"] = status.get("fetch")
            body["syncd_refused"] = _by_syncd(status.get("refused"))
        except SyncdDownError as error:
            body["fetch"] = {"outcome": "failed", "reason": str(error)}
        number = next(self._ids)
        self._asked[number] = asyncio.get_running_loop().create_future()
        self.channel.send("reload", id=number)
        try:
            async with asyncio.timeout(self.settings.reload_timeout + RELOAD_MARGIN):
                answer = await self._asked[number]
        except TimeoutError:
            return Reply(503, {**body, "result": "unknown", "reason": "the gateway's parent does not answer"})
        finally:
            del self._asked[number]
        fields = {name: answer.get(name) for name in ("result", "number", "digest", "reason", "seconds")}
        return Reply(200 if answer["result"] == "ack" else 422, body | fields)


def _not_ready(answer: dict[str, Any]) -> str | None:
    if answer.get("state") != "serving" or not answer.get("serving"):
        return str(answer.get("note") or f"the gateway is {answer.get('state', 'starting')}")
    ready = {worker["number"] for worker in answer["workers"] if worker["state"] == "ready"}
    if len(ready) != 1:
        return "no worker is ready" if not ready else f"workers serve different revisions: {sorted(ready)}"
    return None


def _by_syncd(refused: object) -> dict[str, Any] | None:
    """Return ``refused`` where syncd refused; a status of another release, or a damaged one, may hold anything."""
    return refused if isinstance(refused, dict) and refused.get("by") == "syncd" else None
