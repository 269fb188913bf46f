"""S3: objects by GetObject (Amazon S3 API), whose answer has body, etag and version id together, and ListObjectsV2.

The first call imports botocore, so that only a replica that asks the store pays for its memory.

A store, a proxy before it and an endpoint of credentials may answer anything. Whatever that leads to is an answer of
`Store`; no error leaves `S3Store`. Every header is optional: a body is counted as it comes.
"""

from __future__ import annotations  # the client's type exists for the checker only

import contextlib
import gc
import time
from typing import TYPE_CHECKING

from routeiq_syncd.revision.fetched import Failed, Unchanged
from routeiq_syncd.revision.pointer import UNVERSIONED
from routeiq_syncd.sources.deadline import deadline
from routeiq_syncd.sources.store import Answer, Compressed, Entry, Gone, Listing, Taken, TooLarge, Version, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TypeVar

    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, GetObjectRequestTypeDef, PaginatorConfigTypeDef

    from routeiq_syncd.sources.aws.client import Connection, Patience

    Told = TypeVar("Told")

CHUNK = 256 * 1024
LONGEST_NAME = 1024
OK, NOT_MODIFIED, NOT_FOUND, PRECONDITION_FAILED = 200, 304, 404, 412


class S3Store:
    """A bucket of S3.

    Args:
        bucket: the name of the bucket.
        patience: how long a call may take; None for `Patience` as it is.
    """

    kind = "s3"

    def __init__(self, bucket: str, patience: Patience | None = None) -> None:
        self.bucket = bucket
        self._patience = patience
        self._connection: Connection | None = None

    def location(self, key: str) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self.bucket}/{key}"

    def read(self, wanted: Wanted, sink: BinaryIO) -> Answer:
        """GET one object at one version into ``sink``."""
        request: GetObjectRequestTypeDef = {"Bucket": self.bucket, "Key": wanted.key}
        if wanted.unless is not None:
            request["IfNoneMatch"] = wanted.unless
        if wanted.only is not None:
            if wanted.only.version_id not in UNVERSIONED:
                request["VersionId"] = wanted.only.version_id or ""
            else:
                request["IfMatch"] = wanted.only.etag or ""

        def ask(client: S3Client, patience: Patience) -> Answer:
            return self._take(client.get_object(**request), wanted, sink, wanted.seconds or patience.body)

        def refused(error: Exception, sentence: str) -> Answer:
            status, code = said(error)
            if wanted.unless is not None and status in {NOT_MODIFIED, PRECONDITION_FAILED}:
                return Unchanged()  # some stores answer 412 where others answer 304
            if wanted.only is not None and status in {NOT_FOUND, PRECONDITION_FAILED} and code != "NoSuchBucket":
                return Gone(sentence)
            return Failed(sentence)

        return self._ask(wanted.key, ask, refused)

    def list(self, prefix: str, most: int) -> Listing | Failed:
        """List the objects below ``prefix`` by their etags."""

        def ask(client: S3Client, patience: Patience) -> Listing | Failed:
            found: list[Entry] = []
            end = time.monotonic() + patience.body
            limits: PaginatorConfigTypeDef = {"MaxItems": most + 1}
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, PaginationConfig=limits
            )
            for page in pages:  # a store may send empty pages for ever
                if time.monotonic() > end:
                    return Failed(f"{location} was not listed within {patience.body:g} s; it is tried again.")
                objects = page.get("Contents", ())
                found += [
                    Entry(each["Key"], each["Size"], Version(etag=repeatable(each.get("ETag")))) for each in objects
                ]
            found.sort(key=lambda entry: entry.key.encode())
            return Listing(tuple(found[:most]), whole=len(found) <= most)

        location = self.location(prefix)
        return self._ask(prefix, ask, lambda _error, sentence: Failed(sentence))

    def _ask(
        self,
        key: str,
        ask: Callable[[S3Client, Patience], Told],
        refused: Callable[[Exception, str], Told],
    ) -> Told:
        """Return what ``ask`` returns; for an error, what ``refused`` makes of it and of the sentence for it."""
        from routeiq_syncd.sources.aws.client import Patience, connect_s3  # noqa: PLC0415 - paid for on use
        from routeiq_syncd.sources.aws.faults import Place, explain, origin, way_failed  # noqa: PLC0415 - as above

        endpoint, patience = "of AWS", self._patience or Patience()
        try:
            if self._connection is None or self._connection.stale:
                self._connection = None
                gc.collect()  # a client is a web of cycles, and two at a time are 18 MiB more for good
                self._connection = connect_s3(patience)
            endpoint = origin(self._connection.client.meta.endpoint_url)
            return ask(self._connection.client, patience)
        except Exception as error:  # noqa: BLE001 - outside may do anything, and its libraries raise anything
            told = refused(error, explain(error, Place(self.bucket, key, endpoint)))
            if not isinstance(told, Unchanged):
                self._let_go(credentials=not way_failed(error))
            return told

    def _let_go(self, *, credentials: bool) -> None:
        """Begin the next call on a new TCP connection, and with ``credentials`` read anew."""
        if self._connection is not None:
            self._connection.client.close()
        if credentials:
            self._connection = None

    def _take(self, answer: GetObjectOutputTypeDef, wanted: Wanted, sink: BinaryIO, seconds: float) -> Answer:
        location = self.location(wanted.key)
        body, etag, size = answer["Body"], repeatable(answer.get("ETag")), answer.get("ContentLength", 0)
        with contextlib.closing(body):
            status = answer["ResponseMetadata"]["HTTPStatusCode"]
            if status != OK:
                return Failed(f"Reading {location} failed: the server answered {status} and not the whole object.")
            coding = (answer.get("ContentEncoding") or "").strip().lower()
            if coding not in {"", "identity", "aws-chunked"}:
                return Compressed(etag)
            if size and size > wanted.limit:
                return TooLarge(size, etag)
            end = body._raw_stream.shutdown  # type: ignore[attr-defined]  # noqa: SLF001 - botocore names urllib3's nowhere
            with deadline(end, seconds) as late:
                read = 0
                while chunk := body.read(CHUNK):
                    read += len(chunk)
                    if read > wanted.limit:
                        return TooLarge(None, etag)
                    sink.write(chunk)
            if late.is_set():
                return Failed(f"{location} was not read within {seconds:g} s; it is tried again.")
        return Taken(Version(repeatable(answer.get("VersionId")), etag), etag)


def repeatable(value: str | None) -> str | None:
    """Return an etag or a version id that the header of a request can repeat; None for any other."""
    if not value or len(value) > LONGEST_NAME or not value.isascii() or not value.isprintable():
        return None
    return value


def said(error: Exception) -> tuple[int | None, str]:
    """Return the HTTP status and the code of the answer that ``error`` is about; None and nothing for any other."""
    response = getattr(error, "response", None)
    if not isinstance(response, dict):
        return None, ""
    return response.get("ResponseMetadata", {}).get("HTTPStatusCode"), str(response.get("Error", {}).get("Code", ""))
