"""The settings; the only reader of the environment. What cannot work is refused here, in sentences."""

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings

from routeiq_syncd.configuration.bundle import Bounds
from routeiq_syncd.database.url import Target, UrlError, parse_url
from routeiq_syncd.lease import Timing, timing_problem
from routeiq_syncd.revision.plan import MOST_ROW_BYTES

KEY_BYTES = 32
SOCKET = "syncd.sock"
SOCKET_BYTES = 107  # a UNIX socket's address holds 108 with the closing zero
MODES = ("single", "leader_election")
LEASE = "LLMROUTER_CONFIG_SYNC_LEASE_SECONDS"
RENEW = "LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS"


def _lower(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


class _Environment(BaseSettings, case_sensitive=True, env_ignore_empty=True, extra="ignore"):
    """The variables as they come. Each description completes ``NAME must be …``."""

    volume: Path = Field(default=Path("var"), validation_alias="ROUTEIQ_VOLUME", description="a directory")
    source: Annotated[Literal["file", "s3", "gcs"], BeforeValidator(_lower)] = Field(
        default="file", validation_alias="CONFIG_SOURCE", description="'file' or 's3'"
    )
    config_path: Path = Field(
        default=Path("/app/config/config.yaml"),
        validation_alias="LITELLM_CONFIG_PATH",
        description="the path of a file",
    )
    bucket: str | None = Field(default=None, validation_alias="S3_BUCKET_NAME", description="the name of a bucket")
    bucket_alias: str | None = Field(
        default=None, validation_alias="CONFIG_S3_BUCKET", description="the name of a bucket"
    )
    key: str | None = Field(default=None, validation_alias="S3_CONFIG_KEY", description="the key of an object")
    key_alias: str | None = Field(default=None, validation_alias="CONFIG_S3_KEY", description="the key of an object")
    interval: float = Field(
        default=5.0,
        validation_alias="CONFIG_SYNC_INTERVAL",
        description="a number of seconds above 0 and at most 86400, such as 5",
        gt=0,
        le=86_400,
        allow_inf_nan=False,
    )
    address: str = Field(default="0.0.0.0:4001", validation_alias="SYNCD_ADDR", description="host:port")
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        default="INFO", validation_alias="LOG_LEVEL", description="debug, info, warning or error"
    )
    log_format: Annotated[Literal["json", "console"] | None, BeforeValidator(_lower)] = Field(
        default=None, validation_alias="LOG_FORMAT", description="json or console"
    )
    config_bytes: int = Field(
        default=Bounds().config_bytes,
        validation_alias="ROUTEIQ_MAX_CONFIG_BYTES",
        description="a whole number of bytes from 1 to 67108864",
        ge=1,
        le=Bounds().file_bytes,
    )
    row_bytes: int = Field(
        default=Bounds().row_bytes,
        validation_alias="ROUTEIQ_MAX_ROW_BYTES",
        description=f"a whole number of bytes from 0 to {MOST_ROW_BYTES}",
        ge=0,
        le=MOST_ROW_BYTES,
    )
    supervisor: str | None = Field(default=None, validation_alias="SUPERVISOR_ENABLED", description="supervisord's own")
    mode: str | None = Field(
        default=None, validation_alias="LLMROUTER_HA_MODE", description="single or leader_election"
    )
    database: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL", description="a URL")
    direct: SecretStr | None = Field(default=None, validation_alias="DIRECT_URL", description="a URL")
    lease: float = Field(default=30.0, validation_alias=LEASE, description="a number of seconds", allow_inf_nan=False)
    renew: float = Field(default=10.0, validation_alias=RENEW, description="a number of seconds", allow_inf_nan=False)
    keys: SecretStr | None = Field(default=None, validation_alias="ROUTEIQ_CONFIG_KEY", description="keys")
    lock_name: str = Field(
        default="config_sync",
        validation_alias="LLMROUTER_CONFIG_SYNC_LOCK_NAME",
        description="a name of at most 200 characters",
        max_length=200,
        pattern=r"^[ -~]+$",
    )


class BadSettingsError(Exception):
    """Settings that cannot work; ``sentences`` has one for each problem."""

    def __init__(self, sentences: tuple[str, ...]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = sentences


@dataclass(frozen=True)
class Election:
    """What leader election needs: the database and which setting names it, the fleet, the lengths, the keys."""

    setting: str
    target: Target
    lock_name: str
    timing: Timing
    keys: tuple[bytes, ...] = field(default=(), repr=False)


class Settings:
    """The settings, checked.

    Attributes:
        volume: absolute path of the volume.
        source: ``file`` or ``s3``.
        config_path: absolute path of the configuration, for the source ``file``.
        bucket, key: the object, for the source ``s3``.
        interval: seconds between turns.
        host, port: where HTTP listens.
        log_level, log_format: as `logs.build_log` takes them.
        supervised: whether supervisord started this process.
        bounds: limits on a bundle.
        warnings: sentences about settings that work otherwise than they seem to ask.
        environment: the names of all variables that are set.
        election: what leader election needs, None in single mode.
    """

    def __init__(self, raw: _Environment, environment: frozenset[str]) -> None:
        problems: list[str] = []
        self.volume = raw.volume.absolute()
        self.source: Literal["file", "s3"] = "s3" if raw.source == "s3" else "file"
        self.config_path = raw.config_path.absolute()
        self.bucket = _either(problems, ("S3_BUCKET_NAME", raw.bucket), ("CONFIG_S3_BUCKET", raw.bucket_alias)) or ""
        self.key = _either(problems, ("S3_CONFIG_KEY", raw.key), ("CONFIG_S3_KEY", raw.key_alias)) or "config.yaml"
        self.interval = raw.interval
        self.host, self.port = _address(problems, raw.address)
        self.log_level = raw.log_level
        self.supervised = bool(raw.supervisor)
        self.log_format = raw.log_format
        self.bounds = Bounds(config_bytes=raw.config_bytes, row_bytes=raw.row_bytes)
        self.environment = environment
        self.warnings: tuple[str, ...] = ()
        self._check_source(problems, raw)
        self.election = self._election(problems, raw)
        socket_bytes = len(os.fsencode(self.socket))
        if socket_bytes > SOCKET_BYTES:
            problems.append(
                f"ROUTEIQ_VOLUME is too long: the control socket in it has a path of {socket_bytes} bytes and "
                f"the system takes {SOCKET_BYTES}; choose a shorter directory."
            )
        if problems:
            raise BadSettingsError(tuple(problems))

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.volume / SOCKET

    def _check_source(self, problems: list[str], raw: _Environment) -> None:
        if raw.source == "gcs":
            problems.append("CONFIG_SOURCE must be 'file' or 's3': this build has no source 'gcs'.")
        if self.source == "s3" and not self.bucket:
            problems.append("S3_BUCKET_NAME must name the bucket, since CONFIG_SOURCE is s3.")
        if self.source == "file" and raw.source != "gcs" and self.bucket:
            self.warnings += (
                "S3_BUCKET_NAME has no effect: CONFIG_SOURCE is 'file'; set it to s3 to read the bucket.",
            )
        if self.source == "file" and self.config_path.is_relative_to(self.volume):
            problems.append(
                "LITELLM_CONFIG_PATH must not lie in ROUTEIQ_VOLUME: the volume holds what syncd writes, and the "
                "configuration is what it reads; move the file elsewhere."
            )

    def _election(self, problems: list[str], raw: _Environment) -> "Election | None":
        """Return what leader election needs, None in single mode. LiteLLM's convention: DIRECT_URL goes first."""
        if raw.mode is not None and raw.mode not in MODES:
            problems.append("LLMROUTER_HA_MODE must be single or leader_election.")
        if raw.mode == "leader_election" and raw.database is None:
            problems.append("DATABASE_URL must be set, since LLMROUTER_HA_MODE is leader_election.")
        if raw.database is None or raw.mode not in (None, "leader_election"):
            return None
        timing = Timing(raw.lease, raw.renew)
        problem = timing_problem(timing, LEASE, RENEW)
        if problem is not None:
            problems.append(problem)
        name, url = ("DATABASE_URL", raw.database) if raw.direct is None else ("DIRECT_URL", raw.direct)
        try:
            return Election(name, parse_url(url.get_secret_value()), raw.lock_name, timing, _keys(problems, raw.keys))
        except UrlError as error:
            problems.append(f"{name} {error}")
            return None


def _either(problems: list[str], first: tuple[str, str | None], second: tuple[str, str | None]) -> str | None:
    (name, value), (alias, other) = first, second
    if value is not None and other is not None and value != other:
        problems.append(f"{name} and {alias} mean the same and differ; set only {name}.")
    return value if value is not None else other


def _keys(problems: list[str], keys: SecretStr | None) -> tuple[bytes, ...]:
    """Read keys in base64, parted by commas."""
    decoded = []
    for text in keys.get_secret_value().split(",") if keys else ():
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            problems.append(
                "ROUTEIQ_CONFIG_KEY must be one or more keys parted by commas, the newest first, each 32 random bytes "
                "in base64, such as `openssl rand -base64 32` prints."
            )
            return ()
        decoded.append(key)
    return tuple(decoded)


def _address(problems: list[str], address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or not 0 < int(port) < 65_536:  # noqa: PLR2004 - ports
        problems.append("SYNCD_ADDR must be host:port with a port from 1 to 65535, such as 0.0.0.0:4001.")
        return "", 0
    return host.removeprefix("[").removesuffix("]") or "0.0.0.0", int(port)  # noqa: S104 - as in the default


def read_settings() -> Settings:
    """Read and check the settings.

    Raises:
        BadSettingsError: with one sentence for each problem; values are never quoted.
    """
    return Settings(_read_environment(), frozenset(os.environ))


def read_limits() -> tuple[Bounds, frozenset[str]]:
    """Read what checking a file needs: the limits, and the names of the variables that are set.

    Raises:
        BadSettingsError: as `read_settings`, but only for a variable that cannot be read.
    """
    return Bounds(config_bytes=_read_environment().config_bytes), frozenset(os.environ)


def _read_environment() -> _Environment:
    try:
        return _Environment()
    except ValidationError as error:
        wanted = {field.validation_alias: field.description for field in _Environment.model_fields.values()}
        names = dict.fromkeys(str(problem["loc"][0]) for problem in error.errors())
        raise BadSettingsError(tuple(f"{name} must be {wanted[name]}." for name in names)) from None
