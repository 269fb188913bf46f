"""Object stores by their one interface, each against a server of its kind."""

import http.server
import io
import itertools
import threading
from collections.abc import Iterator

import pytest

from routeiq_syncd.revision.fetched import Failed, Unchanged
from routeiq_syncd.sources.aws.client import Patience
from routeiq_syncd.sources.aws.store import S3Store
from routeiq_syncd.sources.prefix.s3 import S3Objects
from routeiq_syncd.sources.prefix.store import StoreError
from routeiq_syncd.sources.store import Answer, Gone, Listing, Store, Taken, TooLarge, Version, Wanted
from routeiq_syncd.sources.stores import open_store
from tests.support.s3 import Server


@pytest.fixture
def bucket(s3: Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of the test's own; the environment names its server."""
    for name, value in s3.settings.items():
        monkeypatch.setenv(name, value)
    return s3.bucket("stores-" + str(abs(hash(request.node.nodeid))))


@pytest.fixture
def store(bucket: str) -> Store:
    """The bucket."""
    return open_store("s3", bucket)


def read(store: Store, key: str, **wanted: object) -> tuple[Answer, bytes]:
    """Return the answer and the bytes that were written."""
    sink = io.BytesIO()
    answer = store.read(Wanted(key, 100, **wanted), sink)  # type: ignore[arg-type]  # the fields of a question
    return answer, sink.getvalue()


def test_an_object_is_read_conditionally_and_at_one_version(store: Store, s3: Server, bucket: str) -> None:
    """Its token makes the next answer short; once it is overwritten, what was is gone and what is can be read."""
    s3.put(bucket, "one", "a/b c")
    first, content = read(store, "a/b c")
    assert isinstance(first, Taken)
    assert content == b"one"
    assert read(store, "a/b c", unless=first.token) == (Unchanged(), b"")
    assert read(store, "a/b c", only=first.version) == (first, b"one")
    s3.put(bucket, "two", "a/b c")
    second, content = read(store, "a/b c", unless=first.token)
    assert isinstance(second, Taken)
    assert content == b"two"
    assert isinstance(read(store, "a/b c", only=first.version)[0], Gone)
    s3.client.delete_object(Bucket=bucket, Key="a/b c")
    assert isinstance(read(store, "a/b c", only=second.version)[0], Gone)
    assert isinstance(read(store, "a/b c")[0], Failed)


def test_a_version_that_the_bucket_keeps_is_read_after_it_was_overwritten(
    store: Store, s3: Server, bucket: str
) -> None:
    """The version id of an answer names these bytes for good."""
    s3.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put(bucket, "one", "a")
    first = read(store, "a")[0]
    assert isinstance(first, Taken)
    s3.put(bucket, "two", "a")
    assert read(store, "a", only=first.version) == (first, b"one")


def test_an_object_above_the_limit_is_not_taken(store: Store, s3: Server, bucket: str) -> None:
    """Its size is told, and nothing of it is read."""
    s3.put(bucket, "x" * 101, "a")
    answer, content = read(store, "a")
    assert isinstance(answer, TooLarge)
    assert answer.size == 101
    assert content == b""


def test_a_prefix_is_listed_over_pages_in_byte_order(store: Store, s3: Server, bucket: str) -> None:
    """Each entry names the version that a read is then held to; a list above the limit says that it is not whole."""
    names = [f"p/{number}" for number in range(1003)] + ["p/é +%", "p/Z"]
    for name in [*names, "q/other"]:
        s3.put(bucket, "x", name)
    listing = store.list("p/", 2000)
    assert isinstance(listing, Listing)
    assert listing.whole
    assert [entry.key for entry in listing.entries] == sorted(names, key=str.encode)
    assert {entry.size for entry in listing.entries} == {1}
    last = listing.entries[-1]
    assert last.version != Version()
    assert read(store, last.key, only=last.version)[1] == b"x"
    s3.put(bucket, "other", last.key)
    assert isinstance(read(store, last.key, only=last.version)[0], Gone)
    few = store.list("p/", 10)
    assert isinstance(few, Listing)
    assert (len(few.entries), few.whole) == (10, False)
    assert store.list("none/", 10) == Listing((), whole=True)


def test_a_bucket_that_is_missing_is_a_failure_with_advice(bucket: str) -> None:
    """Of a read, of a read of one version, and of a list."""
    missing = open_store("s3", f"not-{bucket}")
    for answer in (read(missing, "a")[0], read(missing, "a", only=Version(etag='"x"'))[0], missing.list("", 1)):
        assert isinstance(answer, Failed)
        assert "mend S3_BUCKET_NAME" in answer.message


@pytest.fixture
def endless(bucket: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket whose server answers each list with an empty page and says that there is more, until the test ends."""
    pages, ended = itertools.count(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            more = "" if ended.is_set() else f"<NextContinuationToken>{next(pages)}</NextContinuationToken>"
            whole = f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{more}</ListBucketResult>"
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole.encode())

        def log_message(self, *_args: object) -> None:
            """Stay silent."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        limit = threading.Timer(15, ended.set)  # a list without a limit fails the test, and does not hang it
        limit.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        yield bucket
        limit.cancel()
        server.shutdown()


def test_a_list_without_an_end_is_given_up(endless: str) -> None:
    """However a list is read, empty pages that never end are a failure that says so, within the limit of a body."""
    patience = Patience(body=0.5)
    listing = S3Store(endless, patience).list("p/", 10)
    assert isinstance(listing, Failed)
    assert "was not listed within 0.5 s" in listing.message
    with pytest.raises(StoreError, match=r"was not listed within 0\.5 s"):
        S3Objects(patience).list(endless, "p/", 10)
