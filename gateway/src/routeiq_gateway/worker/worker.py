"""One worker: a child of the parent that serves LiteLLM on one revision.

A worker starts LiteLLM, sends the parent ``ready`` (or ``refused`` with the reason), and then does as the parent says:
``accept``, ``drain``. A worker whose parent dies goes on serving: see :mod:`routeiq_gateway.worker.orphan`.
"""

import asyncio
import random
import signal
import socket
import ssl
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import uvloop

from routeiq_gateway.configuration.failed_start import blame, start_failed
from routeiq_gateway.configuration.loading import BadRevisionError, load_config
from routeiq_gateway.configuration.naming import Naming
from routeiq_gateway.configuration.reasons import sentence, shorten
from routeiq_gateway.configuration.redact import scrub, secrets_of
from routeiq_gateway.configuration.references import examine_references
from routeiq_gateway.ipc.channel import Channel
from routeiq_gateway.ipc.passed import Passed
from routeiq_gateway.ipc.shared_page import SharedPage
from routeiq_gateway.litellm_edge import callbacks, checks, proxy, sections
from routeiq_gateway.litellm_edge.command_line.database_urls import (
    BadDatabaseError,
    complete_database_urls,
    database_urls,
)
from routeiq_gateway.litellm_edge.environment import DATABASES, use_config
from routeiq_gateway.litellm_edge.event_loop import Loop
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.litellm_edge.metrics.sharing import Sharing, wanted
from routeiq_gateway.litellm_edge.preload import import_in_worker
from routeiq_gateway.litellm_edge.preparing import only_prepares
from routeiq_gateway.runtime.certificate import Certificate
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.settings import IDLE_AT_STOP, Settings
from routeiq_gateway.volume.staging import naming_of
from routeiq_gateway.worker.access_log import AccessLog
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
    """What a worker is forked for: the staged configuration (None: run the placeholder), to serve or only to try."""

    config: Path | None
    trial: bool = False


@dataclass
class Worker:
    """One worker, built in the child right after the fork.

    Attributes:
        environment: the process's environment as it was before any configuration was loaded.
        config: the configuration with its includes, once it has been read.
        naming: what messages call its files and its parts.
        suspects: what in it may be why LiteLLM does not start, where it does not.
        secrets: the texts that must not appear in a message.
        warnings: doubts about a configuration that is taken, one sentence each.
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
    config: Mapping[str, Any] = field(default_factory=dict)
    naming: Naming = field(default_factory=Naming)
    suspects: Sequence[str] = ()
    secrets: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()

    def run(self) -> int:
        """Serve until told to end; return the exit code."""
        _own_signals()
        sys.dont_write_bytecode = True  # a callback beside the config must not write into the tree
        front = Front(placeholder, _check_nothing)
        if self.assignment.config is not None:
            use_config(
                self.assignment.config,
                debug=self.settings.litellm_debug,
                detailed_debug=self.settings.litellm_detailed_debug,
            )
            import_in_worker()
            front = Front(proxy.application(), self._check_loaded)
        if self.settings.max_requests is not None:
            most = self.settings.max_requests_jitter
            spread = round(self.settings.max_requests * RECYCLE_JITTER) if most is None else most
            front.recycle_at = self.settings.max_requests + random.randint(0, spread)  # noqa: S311 - spreads work, guards nothing
            front.recycle = lambda: self.channel.send("recycle")
        with asyncio.Runner(loop_factory=self._loop) as runner:
            return runner.run(self._serve(front))

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
            limit_concurrency=self.settings.limit_concurrency,
            tls=self._tls,
            alone=self.settings.workers == 1,
        )
        routes = Routes(
            self.page, Syncd(self.settings.volume), self.channel, self.settings, front.inner, lambda: self.warnings
        )
        front.routes, front.root_paths = routes.table(), proxy.root_paths()
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
                if isinstance(front.failure, StartRefusedError):
                    raise front.failure
                raise StartRefusedError(start_failed(self.config, front.failure, self.naming, self.suspects))
            front.only_master_key = self.assignment.config is not None and not proxy.has_database()
            if self.assignment.trial:
                await self._try(front)
        except StartRefusedError as error:
            self.channel.send("refused", reason=shorten(self.naming.clean(scrub(str(error), self.secrets))))
            return EXIT_REFUSED
        self._obey(server, routes)
        self.channel.send("ready")
        await serving
        return 0

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

    async def _check_before(self) -> None:
        if self.assignment.config is None:
            return
        try:
            # The errors of load_config name the line and quote nothing. LiteLLM's may quote a secret of the file.
            self.naming = naming_of(self.assignment.config)
            parsed = load_config(self.assignment.config.read_bytes(), self.naming.file)
            self.secrets = secrets_of(parsed, self.environment)
            self.config = await proxy.read_config(str(self.assignment.config))
        except BadRevisionError as error:
            raise StartRefusedError(str(error)) from None
        except Exception as error:
            raise StartRefusedError(start_failed({}, error, self.naming)) from error
        self.secrets = secrets_of(self.config, self.environment)
        if self.settings.litellm_database:
            try:
                complete_database_urls(checks.general_settings(self.config))
            except BadDatabaseError as error:
                raise StartRefusedError(str(error)) from None
        environment = {**self.environment, **database_urls()}
        self._check_names(environment)
        if self.settings.metrics_port is not None or wanted(self.config, environment):
            Sharing(self.places, self.log).begin(self.assignment.config.parent.parent)

    def _check_names(self, environment: Mapping[str, str]) -> None:
        """Check references, callbacks and settings as they stand; remember what is only worth a warning.

        Raises:
            StartRefusedError: a variable is not set, a callback not known, or a value fails requests.
        """
        kept = frozenset() if self.settings.litellm_database else frozenset(DATABASES)
        found = examine_references(checks.keep_models(self.config, proxy.active), environment, kept=kept)
        settings = sections.examine_sections(self.config, environment)
        for errors in (found.errors, callbacks.refused_names(self.config), settings.errors):
            self._refuse(errors)
        self.suspects = sections.misfits(self.config)
        self._warn((*found.warnings, *settings.warnings))

    async def _check_loaded(self) -> None:
        """Check that LiteLLM's start left nothing out in silence.

        Raises:
            StartRefusedError: a model, a guardrail or a callback is missing.
        """
        for missing in (proxy.left_out(), callbacks.unusable()):
            self._refuse(missing)

    def _refuse(self, sentences: Sequence[str]) -> None:
        """Refuse the configuration for ``sentences``, each with its line; for none, do nothing.

        Raises:
            StartRefusedError: there is one.
        """
        if sentences:
            raise StartRefusedError(checks.summary([self.naming.tell(sentence) for sentence in sentences]))

    async def _try(self, front: Front) -> None:
        """Ask for health, and LiteLLM's router for one completion where a model answers by mock.

        The router is asked, and not the route: what stands before it, such as custom_auth and guardrails,
        may rightly turn a stranger's request down.

        Raises:
            StartRefusedError: an answer other than 200, or no completion.
        """
        to_front = httpx.ASGITransport(front)
        async with httpx.AsyncClient(transport=to_front, base_url="http://trial", timeout=TRIAL_SECONDS) as client:
            response = await client.get("/health/liveliness")
        if response.status_code != httpx.codes.OK:
            raise StartRefusedError(f"on trial, /health/liveliness answered {response.status_code}: {response.text}")
        name = checks.mock_model(proxy.resolved_config())
        if name is None:
            return
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                await proxy.complete(name)
        except Exception as error:
            reason = f"on trial, the model {name!r} did not answer: {type(error).__name__}: {sentence(error)}"
            raise StartRefusedError(blame(reason, self.naming, self.suspects)) from error

    def _warn(self, warnings: Sequence[str]) -> None:
        """Put ``warnings`` into the log, and into the status that this worker answers."""
        told = [scrub(self.naming.tell(warning), self.secrets) for warning in warnings]
        self.warnings += tuple(map(shorten, told))
        for warning in told:
            self.log.warning("the configuration is taken, with a doubt", warning=warning)


async def _check_nothing() -> None:
    """Let the placeholder start."""


def _own_signals() -> None:
    """Drop the parent's handlers, and ignore the terminal's signals: the parent, which has them too, commands."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
