"""The gateway's settings: the only reader of its environment."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from routeiq_gateway.configuration.overrides import BadOverrideError, Override, find_overrides

MOST_WORKERS_BY_DEFAULT = 4
LONGEST_SOCKET_PATH = 107  # sun_path on Linux, without its closing zero
LONGEST_SOCKET_NAME = len("/handoff/4194304.sock")
LONGEST_DRAIN = 3600  # supervisord.conf waits longer than this and the longest pre-stop together


class BadSettingsError(ValueError):
    """Settings that cannot work; the message has one line for each problem."""


class Settings(BaseSettings):
    """All settings, each from the variable that its alias names. Durations are in seconds."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    volume: Annotated[Path, Field(validation_alias="ROUTEIQ_VOLUME")] = Path("var")
    host: Annotated[str, Field(validation_alias="HOST")] = "0.0.0.0"  # noqa: S104 - a gateway serves its network
    port: Annotated[int, Field(validation_alias="PORT", ge=1, le=65535)] = 4000
    workers: Annotated[int, Field(validation_alias="ROUTEIQ_WORKERS", ge=1, le=64)] = min(
        os.cpu_count() or 1, MOST_WORKERS_BY_DEFAULT
    )
    reload_timeout: Annotated[float, Field(validation_alias="ROUTEIQ_RELOAD_TIMEOUT_SECONDS", gt=0)] = 60
    drain: Annotated[float, Field(validation_alias="ROUTEIQ_DRAIN_SECONDS", ge=0, le=LONGEST_DRAIN)] = 600
    prestop: Annotated[float, Field(validation_alias="ROUTEIQ_PRESTOP_SECONDS", ge=0, le=300)] = 0
    keepalive: Annotated[float, Field(validation_alias="ROUTEIQ_KEEPALIVE_SECONDS", ge=1)] = 75
    most_draining: Annotated[int, Field(validation_alias="ROUTEIQ_MAX_DRAINING_WORKERS", ge=1)] = 32
    max_rss: Annotated[float | None, Field(validation_alias="ROUTEIQ_WORKER_MAX_RSS_MB", gt=0)] = None
    max_requests: Annotated[int | None, Field(validation_alias="ROUTEIQ_WORKER_MAX_REQUESTS", ge=1)] = None
    ready_requires_db: Annotated[bool, Field(validation_alias="ROUTEIQ_READY_REQUIRES_DB")] = False
    litellm_database: Annotated[bool, Field(validation_alias="ROUTEIQ_LITELLM_DATABASE")] = True
    wait_for_schema: Annotated[bool, Field(validation_alias="ROUTEIQ_WAIT_FOR_SCHEMA")] = False
    access_log: Annotated[bool, Field(validation_alias="ROUTEIQ_ACCESS_LOG")] = False
    savings: Annotated[bool, Field(validation_alias="ROUTEIQ_SAVINGS")] = True
    orphan_limit: Annotated[float, Field(validation_alias="ROUTEIQ_ORPHAN_SECONDS", ge=0)] = 120
    sample_rate: Annotated[float | None, Field(validation_alias="LLMROUTER_OTEL_SAMPLE_RATE", ge=0, le=1)] = None
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], Field(validation_alias="LOG_LEVEL")] = "INFO"
    log_form: Annotated[Literal["json", "console"] | None, Field(validation_alias="LOG_FORMAT")] = None
    supervisor: Annotated[str | None, Field(validation_alias="SUPERVISOR_ENABLED")] = None  # supervisord's own
    litellm_bucket: Annotated[str | None, Field(validation_alias="LITELLM_CONFIG_BUCKET_NAME")] = None

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

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

    @field_validator("litellm_bucket")
    @classmethod
    def _one_source(cls, value: str | None) -> str | None:
        if value:
            raise ValueError(
                "LiteLLM would fetch its own config from the bucket, past syncd; unset it and set"
                " CONFIG_SOURCE=s3 with S3_BUCKET_NAME for syncd"
            )
        return None


def read_settings(environment: Mapping[str, str]) -> tuple[Settings, tuple[Override, ...]]:
    """Read the settings and the overrides out of the process's environment.

    Args:
        environment: the process's own (``os.environ``), which pydantic-settings reads too.

    Raises:
        BadSettingsError: at least one setting cannot work.
    """
    problems: list[str] = []
    settings = None
    overrides: tuple[Override, ...] = ()
    try:
        settings = Settings()
    except ValidationError as error:
        for item in error.errors(include_url=False, include_input=False, include_context=False):
            name = str(item["loc"][0]) if item["loc"] else "settings"
            problems.append(f"{name}: {item['msg'].removeprefix('Value error, ')}")
    try:
        overrides = find_overrides(environment)
    except BadOverrideError as error:
        problems.append(str(error))
    if settings is None or problems:
        raise BadSettingsError("\n".join(problems))
    return settings, overrides
