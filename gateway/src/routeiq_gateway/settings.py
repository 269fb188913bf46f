"""The gateway's settings: the only reader of its environment."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from routeiq_gateway.configuration.overrides import BadOverrideError, Override, find_overrides

MOST_WORKERS_BY_DEFAULT = 4
LONGEST_SOCKET_PATH = 107  # sun_path on Linux, without its closing zero
LONGEST_SOCKET_NAME = len("/handoff/4194304.sock")
IDLE_AT_STOP = 5.0
"""Seconds without a request after which a connection is closed where the gateway stops, or a revision waits for it."""
LONGEST_DRAIN = 3600  # supervisord.conf waits longer than this and the longest pre-stop together
SAME = {
    "ROUTEIQ_WORKERS": "NUM_WORKERS",
    "ROUTEIQ_KEEPALIVE_SECONDS": "KEEPALIVE_TIMEOUT",
    "ROUTEIQ_WORKER_MAX_REQUESTS": "MAX_REQUESTS_BEFORE_RESTART",
}
"""Settings that LiteLLM's command line knows by another name."""
NEEDS = {
    "SSL_CERTFILE_PATH": "SSL_KEYFILE_PATH",
    "SSL_KEYFILE_PATH": "SSL_CERTFILE_PATH",
    "MAX_REQUESTS_BEFORE_RESTART_JITTER": "MAX_REQUESTS_BEFORE_RESTART",
}
"""Settings that mean nothing without another."""
PARENT_HANG = 45.0
"""Seconds without a turn of its loop after which the parent hangs: a turn may write to a slow disk, or fork many."""
SHORTEST_HANG = 5
"""Seconds. A loop counts every second, and a busy one a little late."""
LEVELS = ("DEBUG", "INFO", "WARNING", "WARN", "ERROR", "CRITICAL", "FATAL", "NOTSET")
"""The levels of LiteLLM's own log, which are Python's."""


def _or_litellms(name: str, *more: str) -> AliasChoices:
    """Return the names under which a setting is read."""
    return AliasChoices(name, SAME[name], *more)


WORKERS = _or_litellms("ROUTEIQ_WORKERS", "DEFAULT_NUM_WORKERS_LITELLM_PROXY")


class BadSettingsError(ValueError):
    """Settings that cannot work; the message has one line for each problem."""


class Settings(BaseSettings):
    """All settings, each from the variable that its alias names. Durations are in seconds."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    volume: Annotated[Path, Field(validation_alias="ROUTEIQ_VOLUME")] = Path("var")
    host: Annotated[str, Field(validation_alias="HOST")] = "0.0.0.0"  # noqa: S104 - a gateway serves its network
    port: Annotated[int, Field(validation_alias="PORT", ge=1, le=65535)] = 4000
    workers: Annotated[int, Field(validation_alias=WORKERS, ge=1, le=64)] = min(
        os.cpu_count() or 1, MOST_WORKERS_BY_DEFAULT
    )
    reload_timeout: Annotated[float, Field(validation_alias="ROUTEIQ_RELOAD_TIMEOUT_SECONDS", gt=0)] = 60
    drain: Annotated[float, Field(validation_alias="ROUTEIQ_DRAIN_SECONDS", ge=0, le=LONGEST_DRAIN)] = 600
    prestop: Annotated[float, Field(validation_alias="ROUTEIQ_PRESTOP_SECONDS", ge=0, le=300)] = 0
    keepalive: Annotated[float, Field(validation_alias=_or_litellms("ROUTEIQ_KEEPALIVE_SECONDS"), ge=1)] = 75
    receive: Annotated[float, Field(validation_alias="ROUTEIQ_RECEIVE_SECONDS", ge=1)] = 60
    most_draining: Annotated[int, Field(validation_alias="ROUTEIQ_MAX_DRAINING_WORKERS", ge=1)] = 32
    max_rss: Annotated[float | None, Field(validation_alias="ROUTEIQ_WORKER_MAX_RSS_MB", gt=0)] = None
    max_requests: Annotated[int | None, Field(validation_alias=_or_litellms("ROUTEIQ_WORKER_MAX_REQUESTS"), ge=1)] = (
        None
    )
    max_requests_jitter: Annotated[int | None, Field(validation_alias="MAX_REQUESTS_BEFORE_RESTART_JITTER", ge=0)] = (
        None
    )
    worker_hang: Annotated[float, Field(validation_alias="ROUTEIQ_WORKER_HANG_SECONDS")] = 60
    limit_concurrency: Annotated[int | None, Field(validation_alias="LIMIT_CONCURRENCY", ge=1)] = None
    certificate: Annotated[Path | None, Field(validation_alias="SSL_CERTFILE_PATH")] = None
    certificate_key: Annotated[Path | None, Field(validation_alias="SSL_KEYFILE_PATH")] = None
    metrics_port: Annotated[int | None, Field(validation_alias="PROMETHEUS_METRICS_PORT", ge=1, le=65535)] = None
    litellm_debug: Annotated[bool, Field(validation_alias="DEBUG")] = False
    litellm_detailed_debug: Annotated[bool, Field(validation_alias="DETAILED_DEBUG")] = False
    litellm_log_level: Annotated[str | None, Field(validation_alias="LITELLM_LOG")] = None
    ready_requires_db: Annotated[bool, Field(validation_alias="ROUTEIQ_READY_REQUIRES_DB")] = False
    litellm_database: Annotated[bool, Field(validation_alias="ROUTEIQ_LITELLM_DATABASE")] = True
    wait_for_schema: Annotated[bool, Field(validation_alias="ROUTEIQ_WAIT_FOR_SCHEMA")] = False
    access_log: Annotated[bool, Field(validation_alias="ROUTEIQ_ACCESS_LOG")] = False
    savings: Annotated[bool, Field(validation_alias="ROUTEIQ_SAVINGS")] = True
    orphan_limit: Annotated[float, Field(validation_alias="ROUTEIQ_ORPHAN_SECONDS", ge=0)] = 120
    sample_rate: Annotated[float | None, Field(validation_alias="LLMROUTER_OTEL_SAMPLE_RATE", ge=0, le=1)] = None
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(validation_alias="LOG_LEVEL")] = "INFO"
    log_form: Annotated[Literal["json", "console"] | None, Field(validation_alias="LOG_FORMAT")] = None
    notify_socket: Annotated[str | None, Field(validation_alias="NOTIFY_SOCKET")] = None  # supervisord's or systemd's
    supervisor: Annotated[str | None, Field(validation_alias="SUPERVISOR_ENABLED")] = None  # supervisord's own
    secrets_dir: Annotated[str, Field(validation_alias="ROUTEIQ_SECRETS_DIR")] = ""
    litellm_bucket: Annotated[str | None, Field(validation_alias="LITELLM_CONFIG_BUCKET_NAME")] = None

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("litellm_log_level")
    @classmethod
    def _a_level(cls, value: str | None) -> str | None:
        if value is not None and value.upper() not in LEVELS:
            raise ValueError(f"expected one of {', '.join(LEVELS)}")
        return value

    @field_validator("worker_hang")
    @classmethod
    def _longer_than_busy(cls, value: float) -> float:
        if value != 0 and not value >= SHORTEST_HANG:
            raise ValueError(f"expected 0, which leaves workers that hang alone, or at least {SHORTEST_HANG} seconds")
        return value

    @field_validator("volume")
    @classmethod
    def _short_enough(cls, value: Path) -> Path:
        longest = LONGEST_SOCKET_PATH - LONGEST_SOCKET_NAME
        if len(os.fsencode(value.absolute())) > longest:
            raise ValueError(
                f"the path is longer than {longest} bytes, too long for the UNIX sockets on the volume;"
                " choose a shorter one"
            )
        return value.absolute()

    @property
    def secret_directories(self) -> tuple[Path, ...]:
        """The directories of secret files, each once."""
        return tuple(dict.fromkeys(Path(part).absolute() for part in self.secrets_dir.split(":") if part))

    @field_validator("litellm_bucket")
    @classmethod
    def _one_source(cls, value: str | None) -> str | None:
        if value:
            raise ValueError(
                "LiteLLM would fetch its own config from the bucket, past syncd; unset it and set"
                " CONFIG_SOURCE=s3 with S3_BUCKET_NAME for syncd"
            )
        return None


def setting_names() -> frozenset[str]:
    """Return the names of all variables that set one of the gateway's settings."""
    aliases = [field.validation_alias for field in Settings.model_fields.values()]
    return frozenset(
        str(name) for alias in aliases for name in (alias.choices if isinstance(alias, AliasChoices) else (alias,))
    )


def read_settings(environment: Mapping[str, str], refused: Sequence[str] = ()) -> tuple[Settings, tuple[Override, ...]]:
    """Read the settings and the overrides out of the process's environment.

    Args:
        environment: the process's own (``os.environ``), which pydantic-settings reads too.
        refused: sentences about other variables that cannot work.

    Raises:
        BadSettingsError: at least one setting cannot work.
    """
    problems = [*refused, *_together(environment)]
    settings = None
    overrides: tuple[Override, ...] = ()
    try:
        settings = Settings()
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            name = str(item["loc"][0]) if item["loc"] else "settings"
            if not environment.get(name):  # an error names the first of a setting's names
                name = SAME.get(name, name) if environment.get(SAME.get(name, "")) else name
            problems.append(f"{name}: {item['msg'].removeprefix('Value error, ')}")
    try:
        overrides = find_overrides(environment)
    except BadOverrideError as error:
        problems.append(str(error))
    if settings is not None and settings.metrics_port == settings.port:
        problems.append("PROMETHEUS_METRICS_PORT: it is PORT too; choose another port")
    if settings is not None and any(one.is_relative_to(settings.volume) for one in settings.secret_directories):
        problems.append("ROUTEIQ_SECRETS_DIR: it lies in ROUTEIQ_VOLUME, where secrets do not belong; move it")
    if settings is None or problems:
        raise BadSettingsError("\n".join(problems))
    return settings, overrides


def _together(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each setting that contradicts another, or lacks the one that it needs."""
    for name, other in SAME.items():
        values = {environment.get(name, ""), environment.get(other, "")} - {""}
        if len(values) > 1:
            yield f"{name} and {other} mean the same and differ; set only one of them"
    for name, other in NEEDS.items():
        if environment.get(name) and not any(environment.get(one) for one in (other, _routeiqs(other))):
            yield f"{name}: it has no effect without {other}; set both or none"
    if environment.get("DATABASE_HOST") and not environment.get("DATABASE_URL"):
        names = (("DATABASE_USERNAME", "DATABASE_USER"), ("DATABASE_NAME",))
        missing = [known[0] for known in names if not any(environment.get(name) for name in known)]
        if missing:
            yield f"DATABASE_HOST: it has no effect without {' and '.join(missing)}; set them, or DATABASE_URL"


def _routeiqs(name: str) -> str:
    """Return this gateway's name of a setting that LiteLLM's command line calls ``name``."""
    return next((ours for ours, litellms in SAME.items() if litellms == name), name)
