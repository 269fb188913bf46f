"""The kinds of object stores: a further one is a room beside this module and a row below."""

from collections.abc import Callable

from routeiq_syncd.sources.aws.store import S3Store
from routeiq_syncd.sources.store import Store

STORES: dict[str, Callable[[str], Store]] = {"s3": S3Store}
"""What opens a bucket, by the kind of its store, as ``CONFIG_SOURCE`` and pointers name it."""


def open_store(kind: str, bucket: str) -> Store:
    """Return the store that holds ``bucket``; nothing is asked yet, and no client of the store imported.

    Raises:
        KeyError: ``kind`` is none of `STORES`.
    """
    return STORES[kind](bucket)
