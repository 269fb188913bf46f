"""The client of S3. Only a process that asks this source imports this module: botocore takes much memory.

botocore describes the services of AWS in JSON files that it keeps in memory. Without their documentation, and without
the endpoints of services that syncd never asks, a holder of the lease takes 9 MiB less. Everything else is botocore's
own: settings, credentials and their renewal, addresses, retries.
"""

from __future__ import annotations  # the client's type exists for the checker only

import gzip
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.loaders import JSONFileLoader, create_loader
from botocore.session import Session

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# S3, and the services that the credential chain may ask.
SERVICES = ("s3", "sts", "sso", "portal.sso", "oidc", "signin")
# botocore reads AWS_DEFAULT_REGION alone. Other SDKs of AWS, EKS and Lambda say AWS_REGION, which comes first where
# both are set (AWS SDKs and Tools Reference Guide, "AWS Region").
REGION = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}

Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class Patience:
    """Limits of one call: seconds to connect and between two bytes, seconds for a whole body, and tries."""

    connect: float = 3
    read: float = 5
    body: float = 30
    attempts: int = 2


@dataclass(frozen=True)
class Connection:
    """A client, and the files that its settings and credentials may stand in, with their state when it was made."""

    client: S3Client
    files: tuple[tuple[Path, Stamp], ...]

    @property
    def stale(self) -> bool:
        """Whether one of the files has changed: botocore reads them when a client is made, and never again."""
        return any(_stamp(path) != stamp for path, stamp in self.files)


class LeanFiles(JSONFileLoader):
    """Reads botocore's files without what nobody here uses."""

    def load_file(self, file_path: str) -> object:
        """Return the content of the file at ``file_path``, a path without suffix; None where there is no file."""
        for suffix, opened in ((".json", open), (".json.gz", gzip.open)):
            if Path(file_path + suffix).is_file():
                with opened(file_path + suffix, "rb") as file:
                    return json.loads(file.read(), object_pairs_hook=_lean)
        return None


def connect_s3(patience: Patience) -> Connection:
    """Make a client of S3 as any AWS client is set up: credentials, profile, region, ``AWS_ENDPOINT_URL_S3``.

    Raises:
        Exception: botocore raised it, for settings, for a file, or for an endpoint of credentials, which it asks here.
    """
    for library in ("botocore", "urllib3"):  # they log what an answer was like; the status says what it led to
        logging.getLogger(library).setLevel(logging.CRITICAL)
    config = Config(
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"total_max_attempts": patience.attempts, "mode": "standard"},
        max_pool_connections=1,
    )
    session = Session(session_vars=REGION)
    paths = [Path(session.get_config_variable(name)).expanduser() for name in ("credentials_file", "config_file")]
    files = tuple((path, _stamp(path)) for path in paths)
    loader = create_loader(session.get_config_variable("data_path"))
    loader.file_loader = LeanFiles()
    session.register_component("data_loader", loader)
    # An object's address needs no region where an endpoint is given, and botocore insists on one.
    region = session.get_config_variable("region") or "us-east-1"
    session.set_config_variable("region", region)
    session.set_default_client_config(config)  # for the clients that the credential chain makes, too
    client = boto3.Session(botocore_session=session).client("s3")
    return Connection(client, files)


def _stamp(path: Path) -> Stamp:
    """Return what changes when a file is written or replaced; None for a file that cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _lean(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build a JSON object with empty documentation and, if it describes a partition of AWS, of `SERVICES` alone."""
    found = {name: "" if name == "documentation" and isinstance(value, str) else value for name, value in pairs}
    services = found.get("services")
    if "regions" in found and isinstance(services, dict):
        found["services"] = {name: services[name] for name in SERVICES if name in services}
    return found
