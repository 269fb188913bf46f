"""A prefix in Amazon S3: ListObjectsV2, and GetObject bound to an etag or a version id (Amazon S3 API)."""

from __future__ import annotations  # the client's type exists for the checker only

import contextlib
import gc
import time
from typing import TYPE_CHECKING

from routeiq_syncd.configuration.content.names import Object
from routeiq_syncd.sources.aws.store import CHUNK, OK, PRECONDITION_FAILED, repeatable, said
from routeiq_syncd.sources.deadline import deadline
from routeiq_syncd.sources.prefix.store import MovedError, Opened, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef, ListObjectsV2RequestTypeDef

    from routeiq_syncd.revision.pointer import Pointer
    from routeiq_syncd.sources.aws.client import Connection, Patience

PAGE = 1000
NOT_FOUND = 404
SLOWEST = 1024 * 1024
"""Bytes a second that a store sends at least, or its object counts as not read."""


class S3Objects:
    """Lists and reads objects.

    Args:
        patience: how long a call may take; None for `Patience` as it is.
    """

    kind = "s3"

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience
        self._connection: Connection | None = None

    def list(self, bucket: str, prefix: str, most: int) -> tuple[Object, ...]:
        """List objects; see `ObjectStore.list`.

        Raises:
            StoreError: the store cannot be read now.
        """
        found, token, seconds = list[Object](), "", (self._patience or _patience()).body
        end = time.monotonic() + seconds
        while True:
            with self._told(bucket, prefix) as client:
                request: ListObjectsV2RequestTypeDef = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": PAGE}
                if token:
                    request["ContinuationToken"] = token
                page = client.list_objects_v2(**request)
                for item in page.get("Contents", ()):
                    etag = repeatable(item.get("ETag"))
                    if etag is None:
                        raise StoreError(f"s3://{bucket}/{prefix}: the store lists objects without etags.")
                    found.append(Object(bucket, str(item["Key"]), int(item["Size"]), etag))
                following = str(page.get("NextContinuationToken") or "")
            if not page.get("IsTruncated") or following in {"", token} or len(found) > most:
                return tuple(sorted(found, key=lambda item: item.key)[: most + 1])
            if time.monotonic() > end:  # a store may send empty pages for ever
                raise StoreError(f"s3://{bucket}/{prefix} was not listed within {seconds:g} s; it is tried again.")
            token = following

    @contextlib.contextmanager
    def open(self, pointer: Pointer, size: int) -> Iterator[Opened]:
        """Read an object; see `ObjectStore.open`.

        Raises:
            MovedError: the version is not there, or not the object's present one.
            StoreError: the store cannot be read now.
        """
        request: GetObjectRequestTypeDef = {"Bucket": pointer.bucket, "Key": pointer.key}
        if pointer.lasting:
            request["VersionId"] = pointer.version_id or ""
        else:
            request["IfMatch"] = pointer.etag or ""
        place = f"s3://{pointer.bucket}/{pointer.key}"
        with self._told(pointer.bucket, pointer.key) as client:
            answer = client.get_object(**request)
            body, status = answer["Body"], answer["ResponseMetadata"]["HTTPStatusCode"]
        end = body._raw_stream.shutdown  # type: ignore[attr-defined]  # noqa: SLF001 - botocore names urllib3's nowhere
        seconds = (self._patience or _patience()).body + size / SLOWEST
        with contextlib.closing(body), deadline(end, seconds) as late:
            if status != OK:
                raise StoreError(f"Reading {place} failed: the server answered {status} and not the whole object.")
            if (answer.get("ContentEncoding") or "").strip().lower() not in {"", "identity", "aws-chunked"}:
                raise StoreError(f"{place} is stored compressed (Content-Encoding); upload it without.")

            def pieces() -> Iterator[bytes]:
                while True:
                    with self._told(pointer.bucket, pointer.key):
                        piece = body.read(CHUNK)
                    if not piece:
                        break
                    yield piece
                if late.is_set():
                    raise StoreError(f"{place} was not read within {seconds:.0f} s; it is tried again.")

            yield Opened(repeatable(answer.get("VersionId")), pieces())

    @contextlib.contextmanager
    def _told(self, bucket: str, key: str) -> Iterator[S3Client]:
        """Yield a client; what it raises becomes an error of a store, with what to do.

        Raises:
            MovedError: the object is not there in the version that was asked for.
            StoreError: the store cannot be read now.
        """
        from routeiq_syncd.sources.aws.client import connect_s3  # noqa: PLC0415 - botocore's price is paid on use
        from routeiq_syncd.sources.aws.faults import Place, explain, origin, way_failed  # noqa: PLC0415 - as above

        endpoint = "of AWS"
        try:
            if self._connection is None or self._connection.stale:
                self._connection = None
                gc.collect()  # a client is a web of cycles, and two at a time are 18 MiB more for good
                self._connection = connect_s3(self._patience or _patience())
            endpoint = origin(self._connection.client.meta.endpoint_url)
            yield self._connection.client
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - outside may do anything, and its libraries raise anything
            status, code = said(error)
            if status == PRECONDITION_FAILED or code in {"NoSuchKey", "NoSuchVersion"}:
                raise MovedError(f"s3://{bucket}/{key}") from None
            if self._connection is not None:
                self._connection.client.close()
            if not way_failed(error):
                self._connection = None  # its credentials are read anew
            raise StoreError(explain(error, Place(bucket, key, endpoint))) from None


def _patience() -> Patience:
    from routeiq_syncd.sources.aws.client import Patience  # noqa: PLC0415 - botocore's price is paid on use

    return Patience()
