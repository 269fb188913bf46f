"""The S3 source: one object, by GetObject (Amazon S3 API), whose answer has body, etag and version id together.

A GET asks for the present version unless the caller knows it, or, for a pointer, for exactly one version. The first
fetch imports botocore, so that only a replica that asks the source pays for its memory.

A store, a proxy before it and an endpoint of credentials may answer anything. Whatever that leads to is one of the four
answers of a source; no error leaves `S3Source`. Every header is optional: a body is counted as it comes, and without an
etag the digest of the content tells one version from another.
"""

from __future__ import annotations  # the client's type exists for the checker only

import contextlib
import gc
import hashlib
import io
import threading
from typing import TYPE_CHECKING

from routeiq_syncd.configuration.bundle import CONFIG, make_bundle, too_large, written_name
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.manifest import SourceVersion
from routeiq_syncd.revision.pointer import Pointer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, GetObjectRequestTypeDef

    from routeiq_syncd.sources.aws import Connection, Patience

CHUNK = 256 * 1024
BY_DIGEST = "sha256:"
"""How a token begins that is no etag, which is quoted or weak (RFC 9110 section 8.8.3)."""
LONGEST_NAME = 1024
OK, NOT_MODIFIED, PRECONDITION_FAILED = 200, 304, 412


class S3Source:
    """Reads one object.

    Args:
        bucket: the name of the bucket.
        key: the key of the object.
        limit: the most bytes that the object may have.
        patience: how long a call may take; None for `Patience` as it is.
    """

    kind = "s3"

    def __init__(self, bucket: str, key: str, limit: int, patience: Patience | None = None) -> None:
        self._bucket = bucket
        self._key = key
        self._name = written_name(self.location)
        self._limit = limit
        self._patience = patience
        self._connection: Connection | None = None

    @property
    def location(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self._bucket}/{self._key}"

    def fetch(self, known: str | None) -> Fetch:
        """GET the object unless its token is ``known``."""
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._key}
        if known is not None and not known.startswith(BY_DIGEST):
            request["IfNoneMatch"] = known
        fetched = self._ask(request)
        if known is not None and isinstance(fetched, Fetched | Unacceptable) and fetched.token == known:
            return Unchanged()
        return fetched

    def fetch_version(self, pointer: Pointer) -> Fetch:
        """GET the version that ``pointer`` names and no other, blocking for a bounded time."""
        request: GetObjectRequestTypeDef = {"Bucket": self._bucket, "Key": self._key}
        if pointer.lasting:
            request["VersionId"] = pointer.version_id or ""
        else:
            request["IfMatch"] = pointer.etag or ""
        return self._ask(request)

    def _ask(self, request: GetObjectRequestTypeDef) -> Fetch:
        from routeiq_syncd.sources.aws import Patience, connect_s3  # noqa: PLC0415 - botocore's price is paid on use
        from routeiq_syncd.sources.aws_faults import Place, explain, origin, way_failed  # noqa: PLC0415 - as above

        endpoint, patience = "of AWS", self._patience or Patience()
        try:
            if self._connection is None or self._connection.stale:
                self._connection = None
                gc.collect()  # a client is a web of cycles, and two at a time are 18 MiB more for good
                self._connection = connect_s3(patience)
            endpoint = origin(self._connection.client.meta.endpoint_url)
            return self._read(self._connection.client.get_object(**request), patience)
        except Exception as error:  # noqa: BLE001 - outside may do anything, and its libraries raise anything
            if "IfNoneMatch" in request and _says_known(error):
                return Unchanged()
            self._let_go(credentials=not way_failed(error))
            return Failed(explain(error, Place(self._bucket, self._key, endpoint)))

    def _let_go(self, *, credentials: bool) -> None:
        """Begin the next call on a new TCP connection, and with ``credentials`` read anew."""
        if self._connection is not None:
            self._connection.client.close()
        if credentials:
            self._connection = None

    def _read(self, answer: GetObjectOutputTypeDef, patience: Patience) -> Fetch:
        body, etag, size = answer["Body"], repeatable(answer.get("ETag")), answer.get("ContentLength", 0)
        with contextlib.closing(body):
            status = answer["ResponseMetadata"]["HTTPStatusCode"]
            if status != OK:
                return Failed(f"Reading {self.location} failed: the server answered {status} and not the whole object.")
            coding = (answer.get("ContentEncoding") or "").strip().lower()
            if coding not in {"", "identity", "aws-chunked"}:
                message = "it is stored compressed (Content-Encoding); upload it without"
                return Unacceptable((Problem(self._name, None, message),), etag)
            if size and size > self._limit:
                return Unacceptable((too_large(self._name, size, self._limit, yaml=True),), etag)
            data = io.BytesIO()  # `getvalue` gives the buffer away without a copy
            with deadline(body, patience.body) as late:
                while chunk := body.read(CHUNK):
                    data.write(chunk)
                    if data.tell() > self._limit:
                        return Unacceptable((too_large(self._name, None, self._limit, yaml=True),), etag)
            if late.is_set():
                return Failed(f"{self.location} was not read within {patience.body:g} s; it is tried again.")
        return self._fetched(data.getvalue(), etag, repeatable(answer.get("VersionId")))

    def _fetched(self, content: bytes, etag: str | None, version_id: str | None) -> Fetched:
        version = SourceVersion(self.kind, self.location, version_id=version_id, etag=etag)
        pointer = Pointer(self._bucket, self._key, version_id, etag)
        token = etag or BY_DIGEST + hashlib.sha256(content).hexdigest()
        nameable = pointer.lasting or etag is not None
        return Fetched(make_bundle({CONFIG: content}), version, token, pointer if nameable else None)


@contextlib.contextmanager
def deadline(body: object, seconds: float) -> Iterator[threading.Event]:
    """End the reading of ``body`` after ``seconds``: a server that sends byte by byte keeps each single wait short."""
    late = threading.Event()

    def end() -> None:
        late.set()
        with contextlib.suppress(Exception):  # the body was read to its end at this moment
            body._raw_stream.shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - botocore names urllib3's nowhere

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def repeatable(value: str | None) -> str | None:
    """Return an etag or a version id that the header of a request can repeat; None for any other."""
    if not value or len(value) > LONGEST_NAME or not value.isascii() or not value.isprintable():
        return None
    return value


def _says_known(error: Exception) -> bool:
    """Whether an answer says that ``If-None-Match`` named the present version: 304, or from some stores 412."""
    response = getattr(error, "response", None)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(response, dict) else None
    return status in {NOT_MODIFIED, PRECONDITION_FAILED}
