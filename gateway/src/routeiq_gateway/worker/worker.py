"""One worker: a child of the parent that serves LiteLLM on one revision.

A worker starts LiteLLM, sends the parent ``ready`` (or ``refused`` with the reason), and then does as the parent says:
``accept``, ``drain``. A worker whose parent dies goes on serving: see :mod:`routeiq_gateway.worker.orphan`.
"""

import asyncio
import contextlib
import random
import signal
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import uvloop

from routeiq_gateway.configuration.redact import scrub
from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.ipc.passed_connections import Passed
from routeiq_gateway.ipc.pulse import Pulse
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge import proxy
from routeiq_gateway.litellm_edge.calls_in_threads import only_prepares
from routeiq_gateway.litellm_edge.database.periodic_jobs import LastRuns, carry_on
from routeiq_gateway.litellm_edge.environment import take_secrets, use_config
from routeiq_gateway.litellm_edge.event_loop import Loop
from routeiq_gateway.litellm_edge.first_request_modules import import_in_worker
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import IDLE_AT_STOP, Settings
from routeiq_gateway.worker.access_log import AccessLog
from routeiq_gateway.worker.connections.certificate import Certificate
from routeiq_gateway.worker.front import Front
from routeiq_gateway.worker.orphan import outlive_parent
from routeiq_gateway.worker.placeholder import placeholder
from routeiq_gateway.worker.routes import Routes
from routeiq_gateway.worker.server import Server
from routeiq_gateway.worker.start.examination import MOST_PROBLEMS, Examination
from routeiq_gateway.worker.start.held_output import HeldOutput
from routeiq_gateway.worker.start.refusal import StartRefusedError
from routeiq_gateway.worker.syncd_client import Syncd

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
        pulse: where the loop counts its turns for the parent.
        tells: each problem and each warning is told by itself, beside the reason.
        secrets: variables that secret files give, which go before those of the process's environment.
        hidden: what no output may show, the values of earlier secret files among it.
    """

    config: Path | None
    trial: bool
    last_runs: LastRuns
    pulse: Pulse
    tells: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    hidden: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass
class Worker:
    """One worker, built in the child right after the fork.

    Attributes:
        environment: the process's environment as it was before any configuration was loaded.
    """

    assignment: Assignment
    settings: Settings
    environment: Mapping[str, str]
    channel: Channel
    listener: socket.socket
    passed: Passed
    page: SharedPage
    log: Log
    certificate: Certificate | None
    places: Places

    def run(self) -> int:
        """Serve until told to end; return the exit code."""
        _own_signals()
        self.environment = take_secrets(
            self.environment, self.assignment.secrets, database=self.settings.litellm_database
        )
        self.assignment.pulse.write_stack_when_asked()
        sys.dont_write_bytecode = True  # a callback beside the config must not write into the tree
        front = Front(placeholder, self.examination.check_loaded)
        if self.assignment.config is not None:
            use_config(
                self.assignment.config,
                debug=self.settings.litellm_debug,
                detailed_debug=self.settings.litellm_detailed_debug,
            )
            import_in_worker()
            front = Front(proxy.application(), self.examination.check_loaded)
        if self.settings.max_requests is not None:
            most = self.settings.max_requests_jitter
            spread = round(self.settings.max_requests * RECYCLE_JITTER) if most is None else most
            front.recycle_at = self.settings.max_requests + random.randint(0, spread)  # noqa: S311 - spreads work, guards nothing
            front.recycle = lambda: self.channel.send("recycle")
        with asyncio.Runner(loop_factory=self._loop) as runner:
            return runner.run(self._serve(front))

    @cached_property
    def examination(self) -> Examination:
        """The examination of this worker's configuration."""
        known = self.assignment.hidden
        return Examination(self.assignment.config, self.settings, self.environment, self.places, self.log, known)

    def _tls(self) -> ssl.SSLContext | None:
        """Return the TLS context for a new connection, None where clients speak plain HTTP."""
        return self.certificate.context(self.log) if self.certificate else None

    def _loop(self) -> asyncio.AbstractEventLoop:
        return Loop(only_prepares, self._tell_slow) if self.settings.savings else uvloop.new_event_loop()

    async def _serve(self, front: Front) -> int:
        server = Server(
            front,
            AccessLog(front, self.log) if self.settings.access_log else front,
            self.listener,
            self.passed,
            keepalive=self.settings.keepalive,
            receive=self.settings.receive,
            limit_concurrency=self.settings.limit_concurrency,
            tls=self._tls,
            alone=self.settings.workers == 1,
        )
        examination = self.examination
        routes = Routes(
            self.page,
            Syncd(self.settings.volume),
            self.channel,
            self.settings,
            front.inner,
            lambda: examination.warnings,
        )
        front.routes, front.root_paths = routes.table(), proxy.root_paths()
        try:
            await examination.check_before()
            front.only_master_key = self.assignment.config is not None and examination.database.url is None
            serving = await self._start(server)
            if not server.started:
                raise await examination.refusal(front.failure)
            await examination.database.check_place(self.page.read(), self.settings.workers)
            if self.assignment.trial:
                await examination.try_out(front)
        except StartRefusedError as error:
            told = {"problems": examination.problems(error)} if self.assignment.tells else {}
            self.channel.send("refused", reason=examination.reason(error), passing=error.passing, **told)
            return EXIT_REFUSED
        self._obey(server, routes)
        self.assignment.pulse.start(asyncio.get_running_loop())
        if self.assignment.config is not None:
            carry_on(self.assignment.last_runs, time.monotonic(), lambda job: self.channel.send("ran", job=job))
        told = {"warnings": list(examination.warnings[:MOST_PROBLEMS])} if self.assignment.tells else {}
        self.channel.send("ready", **told)
        await serving
        return 0

    async def _start(self, server: Server) -> asyncio.Task[None]:
        """Start LiteLLM, and hold back what it prints meanwhile; return the server's run.

        Raises:
            StartRefusedError: LiteLLM waits for a database that does not answer.
        """
        held = HeldOutput()
        held.hold()
        try:
            serving = asyncio.create_task(server.serve())
            await self.examination.database.wait_for_start(server.start_ended, self.settings.reload_timeout)
        finally:
            self._print_held(held.release())
        return serving

    def _print_held(self, text: str) -> None:
        """Print what was held back during the start; LiteLLM's banner and list of models go to the log instead."""
        others, of_litellm = proxy.sort_printed(scrub(text, self.examination.secrets))
        with contextlib.suppress(OSError):  # a full or closed output keeps no worker from starting
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
                        server.drain(message["seconds"], idle=message["idle"], pass_on=message["pass_on"])
                    case "reloaded":
                        routes.reloaded(message)
            if self.channel.closed:
                loop.remove_reader(self.channel.fileno())
                orphaned.append(loop.create_task(outlive_parent(server, self.listener, self.settings)))
                self.log.warning("the parent is gone", accepting=server.accepting)

        loop.add_reader(self.channel.fileno(), hear)
        stop = partial(server.drain, self.settings.drain, idle=IDLE_AT_STOP)
        loop.add_signal_handler(signal.SIGTERM, stop)


def _own_signals() -> None:
    """Drop the parent's handlers, and ignore the terminal's signals: the parent, which has them too, commands."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
