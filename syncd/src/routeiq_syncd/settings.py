"""The settings; the only reader of the environment. Settings that cannot work are refused here, in sentences.

An empty variable counts as unset. pydantic-settings would read the same, and cost every syncd 10 MiB of memory.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from routeiq_syncd.configuration.bundle import MOST_FILE_BYTES, MOST_FILES, Bounds
from routeiq_syncd.database.parts import HOST, url_of_parts
from routeiq_syncd.database.url import Target, parse_url
from routeiq_syncd.errors import SettingsError
from routeiq_syncd.lease import Timing, timing_problem
from routeiq_syncd.revision.plan import MOST_ROW_BYTES
from routeiq_syncd.sources.prefix.listing import Place
from routeiq_syncd.values import (
    ANYWHERE,
    Environment,
    Setting,
    address,
    bytes_between,
    emulator,
    folder,
    keys,
    lock_name,
    number,
    one_of,
    patterns,
    seconds_between,
    truth,
    whole_between,
)

SOCKET = "syncd.sock"
SOCKET_BYTES = 107  # the address of a UNIX socket holds 108 bytes with the closing zero (unix(7))
TINY, HUGE = sys.float_info.min, sys.float_info.max
MODES = ("single", "leader_election")

Value = TypeVar("Value")


VOLUME = Setting("ROUTEIQ_VOLUME", "a directory", Path, Path("var"))
SOURCE = Setting("CONFIG_SOURCE", "'file', 's3' or 'gcs'", one_of("file", "s3", "gcs"), "file")
CONFIG_PATH = Setting("LITELLM_CONFIG_PATH", "the path of a file", Path, Path("/app/config/config.yaml"))
HTTP = ("http://", "https://")
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
BUCKET = Setting("S3_BUCKET_NAME", "the name of a bucket", str, "", alias="CONFIG_S3_BUCKET")
KEY = Setting("S3_CONFIG_KEY", "the key of an object", str, "config.yaml", alias="CONFIG_S3_KEY")
GCS_BUCKET = Setting("CONFIG_GCS_BUCKET", "the name of a bucket", str, "")
GCS_KEY = Setting("CONFIG_GCS_KEY", "the name of an object", str, "config.yaml")
EMULATOR = Setting[str | None]("STORAGE_EMULATOR_HOST", "host:port or a URL without a path", emulator, None)
PREFIX = Setting[str | None]("S3_CONFIG_PREFIX", "a prefix such as gateway/ (/ for the whole bucket)", folder, None)
SETTLE = Setting("CONFIG_SETTLE_SECONDS", *seconds_between(0.1, 30), Place("", "").settle)
MODEL_BUCKET = Setting("LLMROUTER_MODEL_S3_BUCKET", "the name of a bucket", str, "")
MODEL_KEY = Setting("LLMROUTER_MODEL_S3_KEY", "the key of an object, or of a folder with its slash", str, "")
ALLOW_CODE = Setting("ROUTEIQ_ALLOW_CODE", "true or false", truth, default=False)
ALLOW_PICKLE = Setting("ROUTEIQ_ALLOW_PICKLE", "true or false", truth, default=False)
OF_PREFIX = (SETTLE, MODEL_BUCKET, MODEL_KEY, ALLOW_CODE, ALLOW_PICKLE)
ABOVE_ZERO = "a number of seconds above 0 and at most 86400, such as 5", partial(number, TINY, 86_400)
INTERVAL = Setting("CONFIG_SYNC_INTERVAL", *ABOVE_ZERO, 5.0)
ADDRESS = Setting(
    "SYNCD_ADDR", "host:port with a port from 1 to 65535, such as 0.0.0.0:4001", address, (ANYWHERE, 4001)
)
LOG_LEVEL = Setting("LOG_LEVEL", "debug, info, warning or error", one_of("DEBUG", "INFO", "WARNING", "ERROR"), "INFO")
LOG_FORMAT = Setting[Literal["json", "console"] | None](
    "LOG_FORMAT", "json or console", one_of("json", "console"), None
)
CONFIG_BYTES = Setting("ROUTEIQ_MAX_CONFIG_BYTES", *bytes_between(1, Bounds().file_bytes), Bounds().config_bytes)
FILE_BYTES = Setting("ROUTEIQ_MAX_FILE_BYTES", *bytes_between(1, MOST_FILE_BYTES), Bounds().file_bytes)
BUNDLE_BYTES = Setting("ROUTEIQ_MAX_BUNDLE_BYTES", *bytes_between(1, MOST_FILE_BYTES), Bounds().bundle_bytes)
FILES = Setting("ROUTEIQ_MAX_FILES", *whole_between(1, MOST_FILES), Bounds().files)
CONFIG_FILES = Setting[tuple[str, ...]](
    "ROUTEIQ_CONFIG_FILES",
    "patterns parted by commas, each of files beside or below the configuration, such as deny.json, prompts/**",
    patterns,
    (),
)
ROW_BYTES = Setting("ROUTEIQ_MAX_ROW_BYTES", *bytes_between(0, MOST_ROW_BYTES), Bounds().row_bytes)
SECRETS_DIR = Setting("ROUTEIQ_SECRETS_DIR", "directories parted by colons, which the gateway reads", str, "")
SUPERVISED = Setting("SUPERVISOR_ENABLED", "supervisord's own", bool, default=False)
NOTIFY_SOCKET = Setting("NOTIFY_SOCKET", "supervisord's or systemd's own", str, "")
MODE = Setting("LLMROUTER_HA_MODE", "single or leader_election", str, "")
DATABASE = Setting("DATABASE_URL", "a URL", str, "")
DIRECT = Setting("DIRECT_URL", "a URL", str, "")
SECONDS = "a number of seconds", partial(number, -HUGE, HUGE)  # `timing_problem` has the bounds
LEASE = Setting("LLMROUTER_CONFIG_SYNC_LEASE_SECONDS", *SECONDS, Timing().lease)
RENEW = Setting("LLMROUTER_CONFIG_SYNC_RENEW_INTERVAL_SECONDS", *SECONDS, Timing().renew)
KEYS = Setting[tuple[bytes, ...]](
    "ROUTEIQ_CONFIG_KEY",
    "one or more keys parted by commas, the newest first, each 32 random bytes in base64, such as "
    "`openssl rand -base64 32` prints",
    keys,
    (),
)
LOCK_NAME = Setting("LLMROUTER_CONFIG_SYNC_LOCK_NAME", "a name of at most 200 characters", lock_name, "config_sync")
FOREIGN = Setting("ROUTEIQ_REFUSE_FOREIGN_SOURCE", "true or false", truth, default=False)


class BadSettingsError(Exception):
    """Settings that cannot work; ``sentences`` has one for each problem."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = tuple(sentences)


@dataclass(frozen=True)
class ElectionSettings:
    """What leader election needs.

    Attributes:
        target: the database.
        lock_name: the name of the fleet.
        timing: the lengths of the lease.
        keys: the keys that payloads are sealed with, 32 bytes each, newest first; none: payloads are not sealed.
        refuse_foreign: revisions from another source are not taken.
    """

    target: Target
    lock_name: str
    timing: Timing
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    refuse_foreign: bool = False


class Settings:
    """The settings, checked.

    Attributes:
        volume: absolute path of the volume.
        source: ``file`` or ``s3``.
        config_path: absolute path of the configuration, for the source ``file``.
        further: patterns of further files of the configuration, for the source ``file``.
        bucket, key: the object, for the sources ``s3`` and ``gcs``.
        emulator: the URL of an emulator of Google Cloud Storage, None for Google's own endpoint.
        prefix: what is read instead of one object, None where that is not set.
        interval: seconds between turns.
        host, port: where HTTP listens.
        log_level, log_format: as `logs.build_log` takes them.
        supervised, notify_socket: whether supervisord started this process, and where a supervisor listens.
        bounds: limits on a bundle.
        warnings: sentences about settings that work otherwise than they seem to ask.
        environment: the names of all variables that are set; None where secret files may give the gateway others.
        election: what leader election needs, None in single mode.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        environment = Environment(variables)
        read = environment.read
        self.volume = read(VOLUME).absolute()
        self.source = read(SOURCE)
        self.config_path = read(CONFIG_PATH).absolute()
        self.further = read(CONFIG_FILES)
        bucket, key = (GCS_BUCKET, GCS_KEY) if self.source == "gcs" else (BUCKET, KEY)
        self.bucket, self.key, self.emulator = read(bucket), read(key), read(EMULATOR)
        self.interval = read(INTERVAL)
        self.host, self.port = read(ADDRESS)
        self.log_level = read(LOG_LEVEL)
        self.log_format = read(LOG_FORMAT)
        self.supervised = read(SUPERVISED)
        self.notify_socket = read(NOTIFY_SOCKET) or None
        self.bounds = _bounds(environment)
        self.environment = None if read(SECRETS_DIR) else frozenset(variables)
        self.warnings: tuple[str, ...] = ()
        timing = Timing(read(LEASE), read(RENEW))
        lock_name, foreign = read(LOCK_NAME), read(FOREIGN)
        if environment.problems:
            raise BadSettingsError(environment.problems)
        self.prefix = self._prefix(environment, variables)
        self._check_source(environment.problems, variables)
        self.election = self._election(environment, timing, lock_name, foreign=foreign)
        if foreign and self.election is None:
            unused = "has no effect: there is no fleet whose revisions could come from elsewhere; set DATABASE_URL."
            self.warnings += (f"{FOREIGN.name} {unused}",)
        if self.election is not None and (unknown := self.election.target.unknown):
            name = self.election.target.setting
            self.warnings += (f"{name} has parameters that nobody reads: {', '.join(unknown)}. Remove them.",)
        if (socket_bytes := len(os.fsencode(self.socket))) > SOCKET_BYTES:
            environment.problems.append(
                f"ROUTEIQ_VOLUME is too long: the control socket in it has a path of {socket_bytes} bytes and "
                f"the system takes {SOCKET_BYTES}; choose a shorter directory."
            )
        if environment.problems:
            raise BadSettingsError(environment.problems)

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.volume / SOCKET

    def _prefix(self, environment: Environment, variables: Mapping[str, str]) -> Place | None:
        read, problems = environment.read, environment.problems
        prefix, bucket, key = read(PREFIX), read(MODEL_BUCKET), read(MODEL_KEY)
        settle, code, pickle = read(SETTLE), read(ALLOW_CODE), read(ALLOW_PICKLE)
        if prefix is None or self.source != "s3":
            unused = [setting.name for setting in (PREFIX, *OF_PREFIX) if variables.get(setting.name)]
            if unused:
                needs = f"{SOURCE.name}=s3 and {PREFIX.name}, which are not both set"
                problems.append(f"{', '.join(unused)} has no effect without {needs}; set these, or unset it.")
            return None
        if variables.get(KEY.name) or variables.get(KEY.alias):
            problems.append(f"{KEY.name} and {PREFIX.name} cannot both be set: below a prefix the key is config.yaml.")
        if bool(bucket) != bool(key):
            problems.append(f"{MODEL_BUCKET.name} and {MODEL_KEY.name} must both be set, or neither.")
        return Place(self.bucket, prefix, (bucket, key) if bucket and key else None, settle, code, pickle)

    def _check_source(self, problems: list[str], variables: Mapping[str, str]) -> None:
        stores = {"s3": (BUCKET, BUCKET.alias), "gcs": (GCS_BUCKET, "")}
        for kind, (bucket, alias) in stores.items():
            if kind != self.source and (variables.get(bucket.name) or variables.get(alias)):
                unused = f"has no effect: CONFIG_SOURCE is '{self.source}'; set it to {kind} to read the bucket."
                self.warnings += (f"{bucket.name} {unused}",)
        if self.source in stores:
            if not self.bucket:
                name = stores[self.source][0].name
                problems.append(f"{name} must name the bucket, since CONFIG_SOURCE is {self.source}.")
            if self.further:
                one = f"CONFIG_SOURCE is '{self.source}'; use {PREFIX.name}."
                self.warnings += (f"{CONFIG_FILES.name} has no effect: {one}",)
            if self.source == "s3":
                wrong = [name for name in ENDPOINTS if not (variables.get(name) or HTTP[0]).startswith(HTTP)]
                problems += [f"{name} must be a URL that starts with http:// or https://." for name in wrong]
            return
        if self.config_path.is_relative_to(self.volume):
            problems.append(
                "LITELLM_CONFIG_PATH must not lie in ROUTEIQ_VOLUME: the volume holds what syncd writes, and the "
                "configuration is what it reads; move the file elsewhere."
            )

    @staticmethod
    def _election(
        environment: Environment, timing: Timing, lock_name: str, *, foreign: bool
    ) -> ElectionSettings | None:
        """Return what leader election needs, None in single mode. LiteLLM's convention: DIRECT_URL goes first."""
        problems, mode, url = environment.problems, environment.read(MODE), environment.read(DATABASE)
        database, of = (url, DATABASE.name) if url else (url_of_parts(environment.variables), HOST)
        if mode and mode not in MODES:
            problems.append(f"{MODE.name} must be {MODE.wanted}.")
        if mode == "leader_election" and not database:
            problems.append("DATABASE_URL must be set, since LLMROUTER_HA_MODE is leader_election.")
        if not database or mode not in ("", "leader_election"):
            return None
        if problem := timing_problem(timing, LEASE.name, RENEW.name):
            problems.append(problem)
        direct = environment.read(DIRECT)
        name, url = (DIRECT.name, direct) if direct else (of, database)
        try:
            target = parse_url(url, setting=name)
            return ElectionSettings(target, lock_name, timing, environment.read(KEYS), refuse_foreign=foreign)
        except SettingsError as error:
            problems.append(str(error))
            return None


def _bounds(environment: Environment) -> Bounds:
    read = environment.read
    return Bounds(read(CONFIG_BYTES), read(FILE_BYTES), read(BUNDLE_BYTES), read(FILES), read(ROW_BYTES))


def read_settings() -> Settings:
    """Read and check the settings.

    Raises:
        BadSettingsError: with one sentence for each problem; values are never quoted.
    """
    return Settings(os.environ)


def read_limits() -> tuple[Bounds, tuple[str, ...], frozenset[str] | None]:
    """Read what checking a file needs: the limits, the patterns of further files, and `Settings.environment`.

    Raises:
        BadSettingsError: one of the settings cannot be read.
    """
    environment = Environment(os.environ)
    bounds, further = _bounds(environment), environment.read(CONFIG_FILES)
    if environment.problems:
        raise BadSettingsError(environment.problems)
    return bounds, further, None if environment.read(SECRETS_DIR) else frozenset(os.environ)
