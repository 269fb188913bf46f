"""The source that is one object of a store: the configuration itself, or the content that a revision points to.

Every header of a store is optional: without a token the digest of the content tells one version from another.
"""

import hashlib
import io

from routeiq_syncd.configuration.bundle import CONFIG, make_bundle, too_large, written_name
from routeiq_syncd.configuration.problem import Problem
from routeiq_syncd.revision.fetched import Failed, Fetch, Fetched, Unacceptable, Unchanged
from routeiq_syncd.revision.manifest import SourceVersion
from routeiq_syncd.revision.pointer import Pointer
from routeiq_syncd.sources.store import Compressed, Gone, Store, Taken, TooLarge, Version, Wanted

BY_DIGEST = "sha256:"
"""How a token begins that is no store's: an etag is quoted or weak (RFC 9110 section 8.8.3), a generation a number."""


class ObjectSource:
    """Reads one object.

    Args:
        store: where the object is.
        key: the key of the object.
        limit: the most bytes that the object may have.
    """

    def __init__(self, store: Store, key: str, limit: int) -> None:
        self._store = store
        self._key = key
        self._name = written_name(self.location)
        self._limit = limit

    @property
    def kind(self) -> str:
        """The kind of the store."""
        return self._store.kind

    @property
    def location(self) -> str:
        """Where the object is, for people; without credentials."""
        return self._store.location(self._key)

    def fetch(self, known: str | None) -> Fetch:
        """Read the object unless its token is ``known``."""
        own = known is not None and known.startswith(BY_DIGEST)
        fetched = self._ask(Wanted(self._key, self._limit, unless=None if own else known))
        if known is not None and isinstance(fetched, Fetched | Unacceptable) and fetched.token == known:
            return Unchanged()
        return fetched

    def fetch_version(self, pointer: Pointer) -> Fetch:
        """Read the version that ``pointer`` names and no other, blocking for a bounded time."""
        version = Version(pointer.version_id, pointer.etag, pointer.generation)
        return self._ask(Wanted(self._key, self._limit, only=version))

    def _ask(self, wanted: Wanted) -> Fetch:
        sink = io.BytesIO()
        answer = self._store.read(wanted, sink)
        match answer:
            case Taken(version, token):
                return self._fetched(sink.getvalue(), version, token)  # `getvalue` gives the buffer away without a copy
            case TooLarge(size, token):
                return Unacceptable((too_large(self._name, size, self._limit, yaml=True),), token)
            case Compressed(token):
                message = "it is stored compressed (Content-Encoding); upload it without"
                return Unacceptable((Problem(self._name, None, message),), token)
            case Gone(message):
                return Failed(message)
        return answer

    def _fetched(self, content: bytes, version: Version, token: str | None) -> Fetched:
        at = SourceVersion(self.kind, self.location, **vars(version))
        pointer = Pointer(self._store.bucket, self._key, **vars(version))
        token = token or BY_DIGEST + hashlib.sha256(content).hexdigest()
        return Fetched(make_bundle({CONFIG: content}), at, token, pointer if pointer.nameable else None)
