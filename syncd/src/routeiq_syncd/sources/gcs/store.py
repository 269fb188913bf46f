"""Google Cloud Storage: objects by its JSON API, each named by its generation, which every answer with a body carries.

The first call imports google-auth, so that only a replica that asks the store pays for its memory.

A store, a proxy before it and what gives credentials may answer anything. Whatever that leads to is an answer of
`Store`; no error leaves `GcsStore`. Every header is optional: a body is counted as it comes.
"""

from __future__ import annotations  # the client's type exists for the checker only

import base64
import hashlib
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from routeiq_syncd.revision.fetched import Failed, Unchanged
from routeiq_syncd.sources.deadline import deadline
from routeiq_syncd.sources.store import Answer, Compressed, Entry, Gone, Listing, Taken, TooLarge, Version, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO, TypeVar

    from urllib3 import BaseHTTPResponse

    from routeiq_syncd.sources.gcs.client import Client, Patience

    Result = TypeVar("Result")

CHUNK = 256 * 1024
MOST_PAGE_BYTES = 8 * 1024 * 1024
MOST_FAULT_BYTES = 16 * 1024
LONGEST_NAME = 1024
OK, NOT_MODIFIED, NOT_FOUND, PRECONDITION_FAILED = 200, 304, 404, 412
IMPOSSIBLE = "What answers for {location} is not Google Cloud Storage; mend STORAGE_EMULATOR_HOST, or the proxy."


class GcsStore:
    """A bucket of Google Cloud Storage.

    Args:
        bucket: the name of the bucket.
        emulator: the URL of an emulator, which is asked without credentials; None for Google's own endpoint.
        patience: how long a call may take; None for `Patience` as it is.
    """

    kind = "gcs"

    def __init__(self, bucket: str, emulator: str | None = None, patience: Patience | None = None) -> None:
        self.bucket = bucket
        self._emulator = emulator
        self._patience = patience
        self._client: Client | None = None

    def location(self, key: str) -> str:
        """``gs://bucket/key``."""
        return f"gs://{self.bucket}/{key}"

    def read(self, wanted: Wanted, sink: BinaryIO) -> Answer:
        """GET one object at one generation into ``sink``."""
        query = {"alt": "media"}
        if wanted.unless is not None:
            query["ifGenerationNotMatch"] = wanted.unless
        if wanted.only is not None:
            query["generation"] = wanted.only.generation or ""

        def ask(client: Client, tell: Callable[[int, bytes], str]) -> Answer:
            seconds = wanted.seconds or client.patience.body
            answer = client.get(f"/storage/v1/b/{quote(self.bucket, '')}/o/{quote(wanted.key, '')}?{urlencode(query)}")
            with answer, deadline(answer.shutdown, seconds) as late:
                told = self._told(answer, wanted, tell) or self._take(answer, wanted, sink)
            if late.is_set():
                return Failed(f"{self.location(wanted.key)} was not read within {seconds:g} s; it is tried again.")
            return told

        return self._ask(wanted.key, ask)

    def list(self, prefix: str, most: int) -> Listing | Failed:
        """List the objects below ``prefix`` by their generations."""

        def ask(client: Client, tell: Callable[[int, bytes], str]) -> Listing | Failed:
            found: list[Entry] = []
            query = {"prefix": prefix, "fields": "items(name,size,generation,etag),nextPageToken"}
            end = time.monotonic() + client.patience.body
            while len(found) <= most:
                answer = client.get(f"/storage/v1/b/{quote(self.bucket, '')}/o?{urlencode(query)}")
                with answer, deadline(answer.shutdown, client.patience.body):
                    text = answer.read(MOST_PAGE_BYTES)
                if answer.status != OK:
                    return Failed(tell(answer.status, text[:MOST_FAULT_BYTES]))
                page = json.loads(text)
                found += [_entry(item) for item in page.get("items", ())]
                if not (token := page.get("nextPageToken")):
                    break
                if time.monotonic() > end:  # a store may send empty pages for ever
                    late = f"was not listed within {client.patience.body:g} s; it is tried again."
                    return Failed(f"{self.location(prefix)} {late}")
                query["pageToken"] = str(token)
            found.sort(key=lambda entry: entry.key.encode())
            return Listing(tuple(found[:most]), whole=len(found) <= most)

        return self._ask(prefix, ask)

    def _ask(self, key: str, ask: Callable[[Client, Callable[[int, bytes], str]], Result | Failed]) -> Result | Failed:
        """Return what ``ask`` returns, or the sentence for its error."""
        from routeiq_syncd.sources.gcs.client import HOME, Client, Patience  # noqa: PLC0415 - paid for on use
        from routeiq_syncd.sources.gcs.faults import Place, explain_answer, explain_error  # noqa: PLC0415 - as above

        place = Place(self.bucket, key, self._emulator or HOME)
        self._client = self._client or Client(self._emulator, self._patience or Patience())
        try:
            told = ask(self._client, lambda status, body: explain_answer(status, body, place))
        except (AttributeError, KeyError, TypeError, UnicodeError, json.JSONDecodeError, RecursionError):
            told = Failed(IMPOSSIBLE.format(location=self.location(key)))
        except Exception as error:  # noqa: BLE001 - outside may do anything, and its libraries raise anything
            told = Failed(explain_error(error, place))
        if isinstance(told, Failed):
            self._client.let_go()
        return told

    def _told(self, answer: BaseHTTPResponse, wanted: Wanted, tell: Callable[[int, bytes], str]) -> Answer | None:
        """Return what an answer without a body to take says, None for one with."""
        if answer.status == OK:
            return None
        if wanted.unless is not None and answer.status == NOT_MODIFIED:
            return Unchanged()
        text = answer.read(MOST_FAULT_BYTES)
        if wanted.only is not None and answer.status == NOT_FOUND and b"bucket" not in text.lower():
            return Gone(tell(PRECONDITION_FAILED, text))
        if wanted.only is not None and answer.status == PRECONDITION_FAILED:
            return Gone(tell(answer.status, text))
        return Failed(tell(answer.status, text))

    def _take(self, answer: BaseHTTPResponse, wanted: Wanted, sink: BinaryIO) -> Answer:
        generation, headers = _generation(answer.headers.get("x-goog-generation")), answer.headers
        codings = {
            headers.get(name, "").strip().lower() for name in ("content-encoding", "x-goog-stored-content-encoding")
        }
        if codings - {"", "identity"}:
            return Compressed(generation)
        size = headers.get("content-length", "")
        if size.isascii() and size.isdecimal() and len(size) < LONGEST_NAME and int(size) > wanted.limit:
            return TooLarge(int(size), generation)
        digest, read = hashlib.md5(usedforsecurity=False), 0
        while chunk := answer.read(CHUNK):
            read += len(chunk)
            if read > wanted.limit:
                return TooLarge(None, generation)
            digest.update(chunk)
            sink.write(chunk)
        told = {part.strip() for part in headers.get("x-goog-hash", "").split(",")}
        digests = {part for part in told if part.startswith("md5=")}
        if digests and "md5=" + base64.b64encode(digest.digest()).decode() not in digests:
            return Failed(f"{self.location(wanted.key)} arrived damaged; it is tried again.")
        return Taken(Version(etag=_name(headers.get("etag")), generation=generation), generation)


def _entry(item: dict[str, Any]) -> Entry:
    """Read one object of a list.

    Raises:
        KeyError: a field is missing.
        TypeError: it is not what the API describes.
    """
    generation = _generation(item["generation"])
    if not isinstance(item["name"], str) or generation is None or _generation(item["size"]) is None:
        raise TypeError("not an object")
    return Entry(item["name"], int(item["size"]), Version(etag=_name(item.get("etag")), generation=generation))


def _generation(value: object) -> str | None:
    """Return a generation, which is a number; None for any other text."""
    name = _name(value)
    return name if name is not None and name.isdecimal() else None


def _name(value: object) -> str | None:
    """Return the name of a version that a request can repeat; None for any other."""
    if (
        not isinstance(value, str)
        or not 0 < len(value) <= LONGEST_NAME
        or not (value.isascii() and value.isprintable())
    ):
        return None
    return value
