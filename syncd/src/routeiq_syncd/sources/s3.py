"""The S3 source: one object, by GetObject (Amazon S3 API), whose answer has body, etag and version id together.

A GET asks for the present version unless the caller knows it, or, for a pointer, for exactly one version. The first
fetch imports botocore, so that only a replica that asks the source pays for its memory.
"""

from __future__ import annotations  # the client's type exists for the checker only

import functools
import io
import time
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from routeiq_syncd.configuration.bundle import CONFIG, make_bundle, too_large
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.manifest import SourceVersion
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.sources.source import S3SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

BODY_SECONDS = 30
CHUNK = 256 * 1024


class S3Source:
    """Reads one object.

    Args:
        connect: makes the client.
        bucket: the name of the bucket.
        key: the key of the object.
        limit: the most bytes that the object may have.
    """

    kind = "s3"

    def __init__(self, connect: Callable[[], S3Client], bucket: str, key: str, limit: int) -> None:
        self._connect = connect
        self._bucket = bucket
        self._key = key
        self._limit = limit

    @property
    def location(self) -> str:
        """``s3://bucket/key``."""
        return f"s3://{self._bucket}/{self._key}"

    def open(self) -> None:
        """Make the client now, instead of in the first fetch.

        Raises:
            S3SettingsError: the AWS settings cannot work.
        """
        _ = self._client

    @functools.cached_property
    def _client(self) -> S3Client:
        return self._connect()

    def fetch(self, known: str | None) -> Fetch:
        """GET the object unless its etag is ``known``."""
        request = self._request()
        if known is not None:
            request["IfNoneMatch"] = known
        return self._ask(request)

    def fetch_version(self, pointer: Pointer) -> Fetch:
        """GET the version that ``pointer`` names and no other, blocking for a bounded time."""
        request = self._request()
        if pointer.lasting:
            request["VersionId"] = pointer.version_id or ""
        else:
            request["IfMatch"] = pointer.etag or ""
        return self._ask(request)

    def _request(self) -> GetObjectRequestTypeDef:
        return {"Bucket": self._bucket, "Key": self._key}

    def _ask(self, request: GetObjectRequestTypeDef) -> Fetch:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - botocore's price is paid on use
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

        try:
            self.open()
        except S3SettingsError as error:
            return Failed(str(error))
        try:
            return self._get(request)
        except ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            code = error.response.get("Error", {}).get("Code", "")
            return Unchanged() if status == 304 else Failed(self._refusal(code, status))  # noqa: PLR2004 - not modified
        except (BotoCoreError, HTTPError, OSError) as error:
            # The texts of these errors can quote URLs and headers; the name of their class says enough.
            return Failed(self._fault(type(error).__name__))

    def _get(self, request: GetObjectRequestTypeDef) -> Fetch:
        answer = self._client.get_object(**request)
        etag, size = answer["ETag"], answer["ContentLength"]
        body = answer["Body"]
        try:
            if size > self._limit:
                return Unacceptable((too_large(CONFIG, size, self._limit),), etag)
            data = io.BytesIO()  # `getvalue` gives the buffer away without a copy
            deadline = time.monotonic() + BODY_SECONDS
            while chunk := body.read(CHUNK):
                data.write(chunk)
                if data.tell() > self._limit:
                    return Unacceptable((too_large(CONFIG, None, self._limit),), etag)
                if time.monotonic() > deadline:
                    return Failed(f"{self.location} was not read within {BODY_SECONDS} s; it is tried again.")
        finally:
            body.close()
        version = SourceVersion(self.kind, self.location, version_id=answer.get("VersionId"), etag=etag)
        pointer = Pointer(self._bucket, self._key, version.version_id, etag)
        return Fetched(make_bundle({CONFIG: data.getvalue()}), version, etag, pointer)

    @property
    def _endpoint(self) -> str:
        parts = urlsplit(self._client.meta.endpoint_url)
        return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")

    def _refusal(self, code: str, status: int | None) -> str:
        where = f"(endpoint {self._endpoint})"
        match code:
            case "NoSuchBucket":
                return f"The bucket '{self._bucket}' does not exist {where}; create it, or mend S3_BUCKET_NAME."
            case "NoSuchKey" | "404" | "NotFound":
                return (
                    f"The object '{self._key}' does not exist in the bucket '{self._bucket}' {where}; "
                    "upload it, or mend S3_CONFIG_KEY."
                )
            case "PreconditionFailed" | "412" | "NoSuchVersion":
                return f"This version of {self.location} is gone {where}: the object was overwritten, or it expired."
            case "AccessDenied" | "403" | "Forbidden" | "AllAccessDisabled":
                return (
                    f"Access to {self.location} is denied {where}; the credentials need s3:GetObject on it, "
                    "s3:GetObjectVersion where the bucket keeps versions, and s3:ListBucket to tell a missing object "
                    "from a forbidden one."
                )
            case "InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken":
                return f"The credentials for {self.location} were not accepted {where}: {code}; mend or renew them."
            case _:
                return f"Reading {self.location} failed {where}: the server answered {status} {code[:80]}."

    def _fault(self, kind: str) -> str:
        match kind:
            case "NoCredentialsError" | "PartialCredentialsError" | "CredentialRetrievalError":
                return (
                    f"There are no complete AWS credentials to read {self.location}; give some, as for any AWS client."
                )
            case "ParamValidationError":
                return f"{self.location} is not a name that S3 takes; mend S3_BUCKET_NAME or S3_CONFIG_KEY."
            case _:
                return (
                    f"{self.location} cannot be reached at the endpoint {self._endpoint} ({kind}); it is tried again."
                )


def open_s3(bucket: str, key: str, limit: int) -> S3Source:
    """Make the source; its first use imports botocore and makes a client with the usual settings of AWS."""

    def connect() -> S3Client:
        from routeiq_syncd.sources.aws import connect_s3  # noqa: PLC0415 - botocore's price is paid on use

        return connect_s3()

    return S3Source(connect, bucket, key, limit)
