"""One worker: a child of the parent that serves LiteLLM on one revision.

It starts LiteLLM, tells the parent ``ready`` (or ``refused`` with the reason), and then does as the parent says:
``accept``, ``drain``. A worker whose parent dies goes on serving: see :mod:`routeiq_gateway.worker.orphan`.
"""

import asyncio
import random
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvloop

from routeiq_gateway.configuration.reasons import sentence, shorten
from routeiq_gateway.configuration.redact import scrub, secrets_of
from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.ipc.shared_page import Board
from routeiq_gateway.litellm_edge import checks
from routeiq_gateway.litellm_edge import names as litellm_edge
from routeiq_gateway.litellm_edge.event_loop import Loop
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import Settings
from routeiq_gateway.volume.volume import BadRevisionError, load_config
from routeiq_gateway.worker.front import Front, StartRefusedError, waiting
from routeiq_gateway.worker.held_output import HeldOutput
from routeiq_gateway.worker.orphan import outlive_parent
from routeiq_gateway.worker.routes import Routes
from routeiq_gateway.worker.server import Server
from routeiq_gateway.worker.syncd_client import Syncd

TRIAL_SECONDS = 30
EXIT_REFUSED = 3
RECYCLE_JITTER = 0.1  # share of the limit, so that workers do not end together


@dataclass(frozen=True)
class Assignment:
    """What a worker is forked for: a configuration to load (None: tell every client to wait), to serve or on trial."""

    config: Path | None
    trial: bool = False


@dataclass
class Worker:
    """Everything a worker has. Built in the child, right after the fork."""

    assignment: Assignment
    settings: Settings
    environment: Mapping[str, str]
    channel: Channel
    listener: socket.socket
    board: Board
    log: Log
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()

    def run(self) -> int:
        """Serve until told to end; return the exit code."""
        _own_signals()
        sys.dont_write_bytecode = True  # a callback beside the config must not write into the tree
        front = Front(waiting, _nothing)
        if self.assignment.config is not None:
            litellm_edge.use_config(str(self.assignment.config))
            front = Front(litellm_edge.application(), self._check_loaded)
        if self.settings.max_requests is not None:
            jitter = random.uniform(0, RECYCLE_JITTER)  # noqa: S311 - spreads work, guards nothing
            front.recycle_at = round(self.settings.max_requests * (1 + jitter))
            front.recycle = lambda: self.channel.send("recycle")
        with asyncio.Runner(loop_factory=self._loop) as runner:
            return runner.run(self._serve(front))

    def _loop(self) -> asyncio.AbstractEventLoop:
        return Loop(litellm_edge.only_prepares, self._tell_slow) if self.settings.savings else uvloop.new_event_loop()

    async def _serve(self, front: Front) -> int:
        server = Server(
            front,
            self.listener,
            keepalive=self.settings.keepalive,
            access_log=self.settings.access_log,
            alone=self.settings.workers == 1,
        )
        routes = Routes(self.board, Syncd(self.settings.volume), self.channel, self.settings, front.inner)
        front.routes = routes.table()
        try:
            await self._check_before()
            held = HeldOutput()
            held.hold()
            try:
                serving = asyncio.create_task(server.serve())
                await server.start_ended.wait()
            finally:
                self._print_held(held.release())
            if not server.started:
                raise StartRefusedError(_reason(front.failure))
            front.only_master_key = self.assignment.config is not None and not litellm_edge.has_database()
            if self.assignment.trial:
                await self._try(front)
        except StartRefusedError as error:
            self.channel.send("refused", reason=shorten(scrub(str(error), self.secrets)))
            return EXIT_REFUSED
        self._obey(server, routes)
        self.channel.send("ready")
        await serving
        return 0

    def _print_held(self, text: str) -> None:
        """Print what was held back during the start, but LiteLLM's banner and list of models: these go to the log."""
        others, of_litellm = litellm_edge.sort_printed(scrub(text, self.secrets))
        sys.stdout.write(others)
        sys.stdout.flush()
        self.log.debug("LiteLLM printed at its start", text=of_litellm)

    def _tell_slow(self, seconds: float) -> None:
        self.log.warning(
            "preparing a request held the worker up; threads prepare for a while", seconds=round(seconds, 3)
        )

    def _obey(self, server: Server, routes: Routes) -> None:
        """From now on do as the parent says, and outlive it if it dies."""
        loop = asyncio.get_running_loop()
        orphaned: list[asyncio.Task[None]] = []

        def hear() -> None:
            for message in self.channel.receive():
                match message["kind"]:
                    case "accept":
                        server.accept()
                    case "drain":
                        server.drain(message["seconds"])
                    case "reloaded":
                        routes.reloaded(message)
            if self.channel.closed:
                loop.remove_reader(self.channel.fileno())
                orphaned.append(loop.create_task(outlive_parent(server, self.listener, self.settings)))
                self.log.warning("the parent is gone", accepting=server.accepting)

        loop.add_reader(self.channel.fileno(), hear)
        loop.add_signal_handler(signal.SIGTERM, server.drain, self.settings.drain)

    async def _check_before(self) -> None:
        if self.assignment.config is None:
            return
        try:
            # Its errors name the line and quote nothing. LiteLLM's may quote a secret of what it read.
            parsed = load_config(self.assignment.config.read_bytes())
            self.secrets = secrets_of(parsed, self.environment)
            self.config = await litellm_edge.read_config(str(self.assignment.config))
        except BadRevisionError as error:
            raise StartRefusedError(str(error)) from None
        except Exception as error:
            raise StartRefusedError(_reason(error)) from error
        self.secrets = secrets_of(self.config, self.environment)
        missing = checks.missing_variables(self.config, self.environment)
        if missing:
            raise StartRefusedError(checks.summary(missing))

    async def _check_loaded(self) -> None:
        """Refuse a start in which LiteLLM silently left something out."""
        loaded = litellm_edge.loaded()
        declared = checks.declared_models(self.config, environment_name=self.environment.get("LITELLM_ENVIRONMENT"))
        problems = [
            f"model_list: {model.name!r} ({model.model}) was not loaded: {_why_not(model)}"
            for model in checks.not_loaded(declared, loaded.models)
        ]
        problems += [
            f"guardrails: {name!r} was not loaded; check its litellm_params.guardrail"
            for name in checks.not_loaded(checks.declared_guardrails(self.config), loaded.guardrails)
        ]
        if problems:
            raise StartRefusedError(checks.summary(problems))

    async def _try(self, front: Front) -> None:
        """Ask for health, and for one completion where a model answers by mock.

        Raises:
            StartRefusedError: an answer other than 200.
        """
        asks: list[tuple[str, str, dict[str, Any] | None]] = [("GET", "/health/liveliness", None)]
        name = checks.mock_model(self.config)
        if name is not None:
            completion = {"model": name, "messages": [{"role": "user", "content": "trial"}]}
            asks.append(("POST", "/v1/chat/completions", completion))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(front),
            base_url="http://trial",
            headers={"Authorization": f"Bearer {litellm_edge.master_key()}"},
            timeout=TRIAL_SECONDS,
        ) as client:
            for method, path, body in asks:
                response = await client.request(method, path, json=body)
                if response.status_code != httpx.codes.OK:
                    raise StartRefusedError(
                        f"on trial, {method} {path} answered {response.status_code}: {response.text}"
                    )


async def _nothing() -> None:
    """Check nothing: there is no configuration yet."""


def _own_signals() -> None:
    """Drop the parent's handlers. The terminal's signals reach the whole group; only the parent's word counts."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _reason(error: BaseException | None) -> str:
    match error:
        case None:
            return "LiteLLM's start failed without a reason"
        case StartRefusedError():
            return str(error)
        case SystemExit():
            return f"LiteLLM ended the process at its start (exit code {error.code}); its log says why"
        case _:
            return f"LiteLLM refused it: {type(error).__name__}: {sentence(error)}"


def _why_not(model: checks.Model) -> str:
    if not litellm_edge.provider_known(model.model):
        return "no provider of that name; expected <provider>/<model> such as openai/gpt-4o"
    return "LiteLLM dropped it; check the types of its litellm_params, such as rpm and tpm"
