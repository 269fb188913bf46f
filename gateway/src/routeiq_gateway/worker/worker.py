"""One worker: a child of the parent that serves LiteLLM on one revision.

A worker starts LiteLLM, sends the parent ``ready`` (or ``refused`` with the reason), and then does as the parent says:
``accept``, ``drain``. A worker whose parent dies goes on serving: see :mod:`routeiq_gateway.worker.orphan`.
"""

import asyncio
import random
import signal
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvloop

from routeiq_gateway.configuration.loading import BadRevisionError, load_config
from routeiq_gateway.configuration.reasons import sentence, shorten
from routeiq_gateway.configuration.redact import scrub, secrets_of
from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge import checks, proxy
from routeiq_gateway.litellm_edge.environment import use_config
from routeiq_gateway.litellm_edge.event_loop import Loop
from routeiq_gateway.litellm_edge.periodic_jobs import LastRuns, carry_on
from routeiq_gateway.litellm_edge.preparing import only_prepares
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import Settings
from routeiq_gateway.worker.database import Database
from routeiq_gateway.worker.front import Front, StartRefusedError
from routeiq_gateway.worker.held_output import HeldOutput
from routeiq_gateway.worker.orphan import outlive_parent
from routeiq_gateway.worker.placeholder import placeholder
from routeiq_gateway.worker.routes import Routes
from routeiq_gateway.worker.server import Server
from routeiq_gateway.worker.syncd_client import Syncd

TRIAL_SECONDS = 30
"""Seconds that each request of a trial may take."""
EXIT_REFUSED = 3
RECYCLE_JITTER = 0.1
"""Share of the limit of requests that is added at random, so that workers do not end together."""


@dataclass(frozen=True)
class Assignment:
    """What a worker is forked for.

    Attributes:
        config: the staged configuration; None for a placeholder.
        trial: the worker is not to serve.
        last_runs: when LiteLLM's periodic jobs ran in the workers before.
    """

    config: Path | None
    trial: bool
    last_runs: LastRuns


@dataclass
class Worker:
    """One worker, built in the child right after the fork.

    Attributes:
        environment: the process's environment as it was before any configuration was loaded.
        config: the configuration with its includes, once it has been read.
        secrets: the texts that must not appear in a message.
    """

    assignment: Assignment
    settings: Settings
    environment: Mapping[str, str]
    channel: Channel
    listener: socket.socket
    page: SharedPage
    log: Log
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()

    def run(self) -> int:
        """Serve until told to end; return the exit code."""
        _own_signals()
        sys.dont_write_bytecode = True  # a callback beside the config must not write into the tree
        front = Front(placeholder, _check_nothing)
        if self.assignment.config is not None:
            use_config(self.assignment.config)
            front = Front(proxy.application(), self._check_loaded)
        if self.settings.max_requests is not None:
            jitter = random.uniform(0, RECYCLE_JITTER)  # noqa: S311 - spreads work, guards nothing
            front.recycle_at = round(self.settings.max_requests * (1 + jitter))
            front.recycle = lambda: self.channel.send("recycle")
        with asyncio.Runner(loop_factory=self._loop) as runner:
            return runner.run(self._serve(front))

    def _loop(self) -> asyncio.AbstractEventLoop:
        return Loop(only_prepares, self._tell_slow) if self.settings.savings else uvloop.new_event_loop()

    async def _serve(self, front: Front) -> int:
        server = Server(
            front,
            self.listener,
            keepalive=self.settings.keepalive,
            access_log=self.settings.access_log,
            alone=self.settings.workers == 1,
        )
        routes = Routes(self.page, Syncd(self.settings.volume), self.channel, self.settings, front.inner)
        front.routes = routes.table()
        try:
            await self._check_before()
            held = HeldOutput()
            held.hold()
            try:
                serving = asyncio.create_task(server.serve())
                await self.database.wait_for_start(server, self.settings.reload_timeout)
            finally:
                self._print_held(held.release())
            if not server.started:
                raise await self._refusal(front.failure)
            if self.assignment.config is not None:
                await self.database.check_place(self.page.read(), self.settings.workers)
                front.only_master_key = self.database.url is None
            if self.assignment.trial:
                await self._try(front)
        except StartRefusedError as error:
            self.channel.send("refused", reason=shorten(scrub(str(error), self.secrets)), passing=error.passing)
            return EXIT_REFUSED
        self._obey(server, routes)
        if self.assignment.config is not None:
            carry_on(self.assignment.last_runs, time.monotonic(), lambda job: self.channel.send("ran", job=job))
        self.channel.send("ready")
        await serving
        return 0

    async def _refusal(self, error: BaseException | None) -> StartRefusedError:
        """Return the refusal of a start that ``error`` has ended."""
        return error if isinstance(error, StartRefusedError) else await self.database.refusal(error, _reason(error))

    @property
    def database(self) -> Database:
        """LiteLLM's database."""
        return Database(self.environment.get("DATABASE_URL") or None)

    def _print_held(self, text: str) -> None:
        """Print what was held back during the start; LiteLLM's banner and list of models go to the log instead."""
        others, of_litellm = proxy.sort_printed(scrub(text, self.secrets))
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
            # The errors of load_config name the line and quote nothing. LiteLLM's may quote a secret of the file.
            parsed = load_config(self.assignment.config.read_bytes())
            self.secrets = secrets_of(parsed, self.environment)
            self.config = await proxy.read_config(str(self.assignment.config))
        except BadRevisionError as error:
            raise StartRefusedError(str(error)) from None
        except Exception as error:
            raise await self._refusal(error) from error
        self.secrets = secrets_of(self.config, self.environment)
        missing = checks.missing_variables(self.config, self.environment)
        if missing:
            raise StartRefusedError(checks.summary(missing))
        if self.settings.wait_for_schema:
            await self.database.check_schema()

    async def _check_loaded(self) -> None:
        """Check that LiteLLM's start left nothing out in silence.

        Raises:
            StartRefusedError: a model or a guardrail is missing.
        """
        left_out = proxy.left_out(self.config, self.environment)
        if left_out:
            raise StartRefusedError(checks.summary(left_out))

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
        to_front, key = httpx.ASGITransport(front), {"Authorization": f"Bearer {proxy.master_key()}"}
        async with httpx.AsyncClient(transport=to_front, base_url="http://trial", timeout=TRIAL_SECONDS) as client:
            for method, path, body in asks:
                response = await client.request(method, path, json=body, headers=key)
                code = response.status_code
                if code != httpx.codes.OK:
                    reason = f"on trial, {method} {path} answered {code}: {response.text}"
                    raise StartRefusedError(reason, passing=response.is_server_error and await self.database.away())


async def _check_nothing() -> None:
    """Let the placeholder start."""


def _own_signals() -> None:
    """Drop the parent's handlers, and ignore the terminal's signals: the parent, which has them too, commands."""
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
