"""The client of S3. Only a process that asks this source imports this module: botocore takes much memory.

botocore describes the services of AWS in JSON files that it keeps in memory. Without their documentation, and without
the endpoints of services that syncd never asks, a holder of the lease takes 9 MiB less. Everything else is botocore's
own: settings, credentials and their renewal, addresses, retries.
"""

from __future__ import annotations  # the client's type exists for the checker only

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import JSONFileLoader, create_loader
from botocore.session import Session

from routeiq_syncd.sources.source import S3SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CONNECT_SECONDS = 3
READ_SECONDS = 5
ATTEMPTS = 2
# S3, and the services that the credential chain may ask.
SERVICES = ("s3", "sts", "sso", "portal.sso", "oidc", "signin")


class LeanFiles(JSONFileLoader):
    """Reads botocore's files without what nobody here uses."""

    def load_file(self, file_path: str) -> object:
        """Return the content of the file at ``file_path``, a path without suffix; None where there is no file."""
        for suffix, opened in ((".json", open), (".json.gz", gzip.open)):
            if Path(file_path + suffix).is_file():
                with opened(file_path + suffix, "rb") as file:
                    return json.loads(file.read(), object_pairs_hook=_lean)
        return None


def connect_s3() -> S3Client:
    """Make a client of S3 as any AWS client is set up: credentials, profile, region, ``AWS_ENDPOINT_URL_S3``.

    Raises:
        S3SettingsError: botocore cannot work with the settings.
    """
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=1,
    )
    try:
        session = Session()
        loader = create_loader(session.get_config_variable("data_path"))
        loader.file_loader = LeanFiles()
        session.register_component("data_loader", loader)
        # An object's address needs no region where an endpoint is given, and botocore insists on one.
        region = session.get_config_variable("region") or "us-east-1"
        return boto3.Session(botocore_session=session).client("s3", region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:
        raise S3SettingsError(
            f"The AWS settings cannot work ({type(error).__name__}); mend AWS_ENDPOINT_URL_S3, "
            "AWS_PROFILE and their kin."
        ) from None


def _lean(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Build a JSON object with empty documentation and, if it describes a partition of AWS, of `SERVICES` alone."""
    found = {name: "" if name == "documentation" and isinstance(value, str) else value for name, value in pairs}
    services = found.get("services")
    if "regions" in found and isinstance(services, dict):
        found["services"] = {name: services[name] for name in SERVICES if name in services}
    return found
