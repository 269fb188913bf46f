"""The examination of a configuration: before LiteLLM starts on it, once LiteLLM has started, and on trial.

Every way in which it ends badly is a :class:`StartRefusedError` with a reason that names the place. What is worth no
refusal is a warning, which the log and the status show.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from routeiq_gateway.configuration.harmless import shown_text
from routeiq_gateway.configuration.loading import BadRevisionError, load_config
from routeiq_gateway.configuration.redact import scrub, secrets_of
from routeiq_gateway.configuration.references import examine_references
from routeiq_gateway.configuration.telling.failed_start import blame, start_failed
from routeiq_gateway.configuration.telling.naming import Naming
from routeiq_gateway.configuration.telling.reasons import sentence, shorten
from routeiq_gateway.litellm_edge import callbacks, checks, proxy, sections
from routeiq_gateway.litellm_edge.command_line.database_urls import (
    BadDatabaseError,
    complete_database_urls,
    database_urls,
)
from routeiq_gateway.litellm_edge.database.query_engines import NoClientError, end_with_their_worker
from routeiq_gateway.litellm_edge.environment import DATABASES
from routeiq_gateway.litellm_edge.metrics.places import Places
from routeiq_gateway.litellm_edge.metrics.sharing import Sharing, wanted
from routeiq_gateway.runtime.logs import Log
from routeiq_gateway.runtime.masked_output import mask_output
from routeiq_gateway.settings import Settings
from routeiq_gateway.volume.staging import naming_of
from routeiq_gateway.worker.replies import Application
from routeiq_gateway.worker.start.database import Database
from routeiq_gateway.worker.start.refusal import StartRefusedError

TRIAL_SECONDS = 30
"""Seconds that each request of a trial may take."""
MOST_PROBLEMS = 50
"""The most problems, and the most warnings, that a worker on trial tells one by one."""


@dataclass
class Examination:
    """The examination of one configuration.

    Attributes:
        path: the staged configuration; None for a placeholder, where there is nothing to examine.
        environment: the process's environment as it was before any configuration was loaded.
        places: where metrics are kept.
        hidden: texts that must not appear in a message, whatever the configuration says.
        config: the configuration with its includes, once it has been read.
        secrets: the texts that must not appear in a message.
        naming: what messages call its files and its parts.
        suspects: what in it may be why LiteLLM does not start, where it does not.
        warnings: doubts about a configuration that is taken, one sentence each.
    """

    path: Path | None
    settings: Settings
    environment: Mapping[str, str]
    places: Places
    log: Log
    hidden: frozenset[str] = frozenset()
    config: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    naming: Naming = field(default_factory=Naming)
    suspects: Sequence[str] = ()
    warnings: tuple[str, ...] = ()

    @property
    def database(self) -> Database:
        """LiteLLM's database, once :meth:`check_before` has worked out its URL."""
        return Database(database_urls().get("DATABASE_URL") if self.path else None)

    async def check_before(self) -> None:
        """Check what can be checked before LiteLLM starts, and prepare the environment that it starts in.

        Raises:
            StartRefusedError: the configuration cannot work, or the database is not ready for it.
        """
        if self.path is None:
            return
        try:
            self.naming = naming_of(self.path)
            parsed = load_config(self.path.read_bytes(), self.naming.file)
            self.secrets = secrets_of(parsed, self.environment) | self.hidden
            mask_output(lambda text: scrub(text, self.secrets))
            self.config = await proxy.read_config(str(self.path))
        except BadRevisionError as error:
            raise StartRefusedError(str(error)) from None
        except Exception as error:
            raise await self.refusal(error) from error
        self.secrets = secrets_of(self.config, self.environment) | self.hidden
        if self.settings.litellm_database:
            await self._prepare_database()
        environment = {**self.environment, **database_urls()}
        self._check_names(environment)
        if self.settings.metrics_port is not None or wanted(self.config, environment):
            Sharing(self.places, self.log).begin(self.path.parent.parent)

    async def check_loaded(self) -> None:
        """Check that LiteLLM's start left nothing out in silence.

        Raises:
            StartRefusedError: a model, a guardrail or a callback is missing.
        """
        if self.path is None:
            return
        self._refuse([*proxy.left_out(), *callbacks.unusable()])

    async def try_out(self, application: Application) -> None:
        """Ask for health, and LiteLLM's router for one completion where a model answers by mock.

        The router is asked, and not the route: what stands before it, such as custom_auth and guardrails,
        may rightly turn a stranger's request down.

        Args:
            application: the application that clients would reach.

        Raises:
            StartRefusedError: an answer other than 200, or no completion.
        """
        to_front = httpx.ASGITransport(application)
        async with httpx.AsyncClient(transport=to_front, base_url="http://trial", timeout=TRIAL_SECONDS) as client:
            response = await client.get("/health/liveliness")
        if response.status_code != httpx.codes.OK:
            reason = f"on trial, /health/liveliness answered {response.status_code}: {response.text}"
            raise await self.database.refusal(None, reason)
        name = checks.mock_model(proxy.resolved_config())
        if name is None:
            return
        try:
            async with asyncio.timeout(TRIAL_SECONDS):
                await proxy.complete(name)
        except Exception as error:
            reason = (
                f"on trial, the model {shown_text(name)!r} did not answer: {type(error).__name__}: {sentence(error)}"
            )
            raise await self.database.refusal(error, blame(reason, self.naming, self.suspects)) from error

    def reason(self, refusal: StartRefusedError) -> str:
        """Return the reason of ``refusal`` as everybody may read it."""
        return self._legible(str(refusal))

    def problems(self, refusal: StartRefusedError) -> list[str]:
        """Return the problems that ``refusal`` sums up, the first `MOST_PROBLEMS`, as everybody may read them."""
        return [self._legible(problem) for problem in refusal.problems[:MOST_PROBLEMS]]

    def _legible(self, text: str) -> str:
        return shorten(self.naming.clean(scrub(text, self.secrets)))

    async def refusal(self, error: BaseException | None) -> StartRefusedError:
        """Return the refusal of a start that ``error`` has ended."""
        if isinstance(error, StartRefusedError):
            return error
        reason = start_failed(self.config, error, self.naming, self.suspects)
        return await self.database.refusal(error, reason)

    async def _prepare_database(self) -> None:
        try:
            complete_database_urls(checks.general_settings(self.config))
            if self.database.url is not None:
                end_with_their_worker()
        except (BadDatabaseError, NoClientError) as error:
            raise StartRefusedError(str(error)) from None
        if self.settings.wait_for_schema:
            await self.database.check_schema()

    def _check_names(self, environment: Mapping[str, str]) -> None:
        """Check references, callbacks and settings as they stand; remember what is only worth a warning.

        Raises:
            StartRefusedError: a reference names a variable that is not set, LiteLLM knows no such callback, or a
                setting has a value that fails requests.
        """
        kept = frozenset() if self.settings.litellm_database else frozenset(DATABASES)
        found = examine_references(checks.keep_models(self.config, proxy.active), environment, kept=kept)
        settings = sections.examine_sections(self.config, environment)
        self._refuse([*found.errors, *callbacks.refused_names(self.config), *settings.errors])
        self.suspects = sections.misfits(self.config)
        self._warn((*found.warnings, *settings.warnings))

    def _refuse(self, sentences: Sequence[str]) -> None:
        """Refuse the configuration for ``sentences``, each with its line; for none, do nothing.

        Raises:
            StartRefusedError: there is one.
        """
        if sentences:
            told = [self.naming.tell(sentence) for sentence in sentences]
            raise StartRefusedError(checks.summary(told), problems=told)

    def _warn(self, warnings: Sequence[str]) -> None:
        """Put ``warnings`` into the log, and into the status that this worker answers."""
        told = [scrub(self.naming.tell(warning), self.secrets) for warning in warnings]
        self.warnings += tuple(map(shorten, told))
        for warning in told:
            self.log.warning("the configuration is taken, with a doubt", warning=warning)
