"""The AWS client, made of the data that it uses.

botocore describes every service in JSON files that it keeps in memory: read whole, the model of S3 and the list of all
endpoints take 11 MB. What syncd asks needs a few operations, and the endpoints of S3 and of the services that
credentials come from. Everything else is botocore's own: settings, credentials and their renewal, addresses, retries.

Only a process that uses the source imports this module.
"""

from __future__ import annotations  # the client's type exists for the checker only

import contextlib
import ctypes
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import JSONFileLoader, create_loader
from botocore.session import Session

from routeiq_syncd.sources.excerpt import Reader, items, members, read, referred, source, whole
from routeiq_syncd.sources.s3 import S3SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CONNECT_SECONDS = 3
READ_SECONDS = 5
ATTEMPTS = 2
M_MMAP_THRESHOLD, LARGE_BYTES = -3, 128 * 1024  # <malloc.h>, and what glibc begins with
# The source's own operations, and two that botocore asks by itself: about a bucket's region, and for directory buckets.
OPERATIONS = ("GetObject", "HeadBucket", "CreateSession")
# S3, and whom the credential chain may ask.
SERVICES = ("s3", "sts", "sso", "portal.sso", "oidc", "signin")

ENDPOINTS = members({"partitions": items(members({"services": members(only=SERVICES)}))})
MODEL = members({"operations": members(only=OPERATIONS), "shapes": members(each=source)})


class LeanFiles(JSONFileLoader):
    """Reads botocore's files, of two of them only what is used."""

    def load_file(self, file_path: str) -> object:
        """Return the content of the file of this name, None where there is none."""
        path = Path(file_path)
        if path.name == "endpoints":
            return _read(path, ENDPOINTS)
        if path.name == "service-2" and path.parts[-3] == "s3":
            return _model(_read(path, MODEL))
        return _read(path, whole)


def connect_s3() -> S3Client:
    """Make a client of S3 as any AWS client is set up: credentials, profile, region, ``AWS_ENDPOINT_URL_S3``.

    Raises:
        S3SettingsError: botocore cannot make one of them.
    """
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
        max_pool_connections=1,
    )
    try:
        with _little_kept():
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


@contextlib.contextmanager
def _little_kept() -> Iterator[None]:
    """Have the C library keep little of what the block takes and frees: botocore's files are read as large texts.

    glibc gives a large block back when it is freed, until the first one is: from then on it takes blocks of that size
    to be common and keeps them, here in the heap of the thread that fetches. What is smaller it keeps until it is told.
    A C library without these functions does as it likes.
    """
    library = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):
        library.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
    yield
    with contextlib.suppress(AttributeError):
        library.malloc_trim(0)


def _read(path: Path, reader: Reader) -> object:
    for suffix, opened in ((".json", open), (".json.gz", gzip.open)):
        place = path.with_name(path.name + suffix)
        if place.is_file():
            with opened(place, "rb") as file:
                return read(file.read().decode(), reader)
    return None


def _model(model: object) -> object:
    """Leave the shapes that the operations refer to, and what those refer to."""
    if not isinstance(model, dict):
        return None
    written, shapes = model["shapes"], {}
    wanted = list(referred(model["operations"], "shape"))
    while wanted:
        name = wanted.pop()
        if name in written and name not in shapes:
            shapes[name] = json.loads(written[name])
            wanted += referred(shapes[name], "shape")
    return {**model, "shapes": shapes}
