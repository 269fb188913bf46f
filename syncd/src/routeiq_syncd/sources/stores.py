"""The kinds of object stores: a further one is a room beside this module and a row below."""

from collections.abc import Callable

from routeiq_syncd.sources.aws.store import S3Store
from routeiq_syncd.sources.gcs.store import GcsStore
from routeiq_syncd.sources.store import Store

STORES: dict[str, Callable[[str, str | None], Store]] = {
    "s3": lambda bucket, _emulator: S3Store(bucket),
    "gcs": GcsStore,
}
"""What opens a bucket, by the kind of its store, as ``CONFIG_SOURCE`` and pointers name it."""


def open_store(kind: str, bucket: str, emulator: str | None = None) -> Store:
    """Return the store that holds ``bucket``; nothing is asked yet, and no client of the store imported.

    Args:
        kind: one of `STORES`.
        bucket: the name of the bucket.
        emulator: the URL of an emulator of Google Cloud Storage, None for Google's own endpoint.

    Raises:
        KeyError: ``kind`` is none of `STORES`.
    """
    return STORES[kind](bucket, emulator)
