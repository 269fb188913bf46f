"""The settings, read once from the environment.

A plain dataclass instead of pydantic-settings: that library alone costs 24 MB and 0.2 s, more than the rest
of a run that finds nothing to do, and this command runs before every start of a gateway.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from routeiq_migrate.database.parts import HOST, url_of_parts
from routeiq_migrate.database.url import Target, parse_url
from routeiq_migrate.errors import SettingsError

YES = frozenset({"true", "1", "t", "y", "yes"})
NO = frozenset({"", "false", "0", "f", "n", "no"})
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Attributes:
        target: the database to migrate, over the direct connection where there is one; None without a database.
        lock_seconds: how long to wait for another migrator.
        prisma_lock: whether to take Prisma's advisory lock.
        large_bytes: the table size from which an index is built concurrently, outside a transaction.
        traces: whether an OTLP endpoint is set.
        sample_rate: the share of traces that is kept, 0 to 1.
        notify_socket: where a supervisor listens; None without one.
    """

    target: Target | None
    schema_updates: bool
    extra_migrations: Path | None
    lock_seconds: float
    prisma_lock: bool
    large_bytes: int
    replica_identity_full: bool
    log_level: str
    log_format: Literal["json", "console"] | None
    traces: bool
    service_name: str
    protocol: str
    sample_rate: float
    notify_socket: str | None


def read(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the environment.

    Raises:
        SettingsError: a value cannot work; names the variable, what was expected and what to do.
    """
    level = environment.get("LOG_LEVEL", "").upper() or "INFO"
    if level not in LEVELS:
        raise SettingsError(f"LOG_LEVEL must be one of {', '.join(LEVELS)}.")
    form = environment.get("LOG_FORMAT", "") or None
    if form not in (None, "json", "console"):
        raise SettingsError("LOG_FORMAT must be json or console.")
    folder = environment.get("LITELLM_MIGRATION_DIR")
    return Settings(
        target=target_of(environment),
        schema_updates=not flag(environment, "DISABLE_SCHEMA_UPDATE"),
        extra_migrations=Path(folder) if folder else None,
        lock_seconds=number(environment, "LITELLM_MIGRATION_LOCK_TIMEOUT", 600, "seconds, 0 or more"),
        # Prisma's own rule: any value but these two disables the lock.
        prisma_lock=environment.get("PRISMA_SCHEMA_DISABLE_ADVISORY_LOCK", "") in ("", "0"),
        large_bytes=int(number(environment, "ROUTEIQ_LARGE_TABLE_MB", 64, "megabytes, 0 or more") * 2**20),
        replica_identity_full=flag(environment, "LITELLM_SET_REPLICA_IDENTITY_FULL"),
        log_level=level,
        log_format=cast(Literal["json", "console"] | None, form),
        traces=any(
            environment.get(name) for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        )
        and not flag(environment, "OTEL_SDK_DISABLED")
        and environment.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp",
        service_name=environment.get("OTEL_SERVICE_NAME") or "routeiq-migrate",
        protocol=environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
        or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL")
        or "grpc",
        sample_rate=number(environment, "LLMROUTER_OTEL_SAMPLE_RATE", 1, "a share from 0 to 1", at_most=1),
        notify_socket=environment.get("NOTIFY_SOCKET") or None,
    )


def target_of(environment: Mapping[str, str]) -> Target | None:
    """Return where to migrate: ``DIRECT_URL`` with the schema of ``DATABASE_URL``, as LiteLLM does."""
    url, parts = environment.get("DATABASE_URL"), url_of_parts(environment)
    if not url and not parts:
        return None
    target = parse_url(url, setting="DATABASE_URL") if url else parse_url(parts, setting=HOST)
    direct = environment.get("DIRECT_URL")
    return parse_url(direct, setting="DIRECT_URL", schema=target.schema) if direct else target


def flag(environment: Mapping[str, str], name: str) -> bool:
    """Read a yes or no, spelled as LiteLLM spells it.

    Raises:
        SettingsError: the setting has a value that cannot work.
    """
    text = environment.get(name, "").strip().lower()
    if text not in YES | NO:
        raise SettingsError(f"{name} must be true or false.")
    return text in YES


def number(
    environment: Mapping[str, str], name: str, default: float, expected: str, at_most: float = sys.float_info.max
) -> float:
    """Read a number that is not negative.

    Raises:
        SettingsError: the setting has a value that cannot work.
    """
    text = environment.get(name, "").strip()
    try:
        value = float(text or default)
    except ValueError:
        value = -1
    if not 0 <= value <= at_most:
        raise SettingsError(f"{name} must be a number: {expected}.")
    return value
