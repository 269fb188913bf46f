"""Connections to Google Cloud Storage and to what gives credentials, with urllib3 and google-auth.

google-auth finds the credentials as any client of Google Cloud does: the file that GOOGLE_APPLICATION_CREDENTIALS
names (service account, authorised user, workload identity federation), that of `gcloud auth application-default login`,
the metadata server. google-cloud-storage would do the same and take 40 MiB more.
"""

from __future__ import annotations  # the credentials' type exists for the checker only

import logging
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import google.auth
import urllib3
from google.auth.exceptions import TransportError

from routeiq_syncd.sources.deadline import deadline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.auth.credentials import Credentials

HOME = "https://storage.googleapis.com"
SCOPES = ("https://www.googleapis.com/auth/devstorage.read_only",)
MOST_TOKEN_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Patience:
    """Limits of one call: seconds to connect and between two bytes, seconds for a whole body, and tries."""

    connect: float = 3
    read: float = 5
    body: float = 30
    attempts: int = 2


@dataclass(frozen=True)
class Told:
    """What an endpoint of credentials answered."""

    status: int
    headers: Mapping[str, str]
    data: bytes


class Http:
    """Asks by the proxy that the environment names for an address, and follows no redirect."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._timeout = urllib3.Timeout(connect=patience.connect, read=patience.read)
        self._managers: dict[str, urllib3.PoolManager] = {}

    def open(self, method: str, url: str, headers: Mapping[str, str], body: object = None) -> urllib3.BaseHTTPResponse:
        """Send a request and return the answer with its body unread.

        Raises:
            urllib3.exceptions.HTTPError: the way failed.
            ValueError: ``url`` is no URL, or a header has a character that no header can carry.
        """
        tries = urllib3.Retry(self._patience.attempts - 1, status=0, redirect=False, raise_on_status=False)
        return self._manager(url).request(
            method,
            url,
            headers=dict(headers),
            body=body,  # type: ignore[arg-type]  # bytes or text, by google-auth
            timeout=self._timeout,
            retries=tries,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - `Patience` is what holds
        **_more: object,
    ) -> Told:
        """Ask for credentials, as google-auth does.

        Raises:
            TransportError: the way failed, or the answer is endless.
        """
        try:
            answer = self.open(method, url, headers or {}, body)
            with answer, deadline(answer.shutdown, self._patience.body):
                data = answer.read(MOST_TOKEN_BYTES)
        except urllib3.exceptions.HTTPError as error:
            raise TransportError(error) from error  # type: ignore[no-untyped-call]  # google-auth's
        return Told(answer.status, answer.headers, data)

    def close(self) -> None:
        """Close all connections."""
        for manager in self._managers.values():
            manager.clear()

    def _manager(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        proxy = "" if urllib.request.proxy_bypass(parts.netloc) else urllib.request.getproxies().get(parts.scheme, "")
        if proxy not in self._managers:
            self._managers[proxy] = urllib3.ProxyManager(proxy) if proxy else urllib3.PoolManager()
        return self._managers[proxy]


@dataclass
class Client:
    """Asks the JSON API at ``endpoint``: an emulator's without credentials, or Google's own where it is None."""

    endpoint: str | None
    patience: Patience
    _http: Http = field(init=False)
    _credentials: Credentials | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        for library in ("google", "urllib3"):  # they log what an answer was like; the status says what it led to
            logging.getLogger(library).setLevel(logging.CRITICAL)
        self._http = Http(self.patience)

    def get(self, path: str) -> urllib3.BaseHTTPResponse:
        """GET ``path`` with credentials, and return the answer with its body unread.

        Raises:
            google.auth.exceptions.GoogleAuthError: there are no credentials, or they could not be had.
            urllib3.exceptions.HTTPError: the way failed.
            ValueError: a setting or a credential cannot be used.
        """
        headers = {"accept-encoding": "identity"}
        if self.endpoint is None:
            if self._credentials is None:
                transport: Any = self._http  # called as google-auth's own requests are
                self._credentials = google.auth.default(scopes=SCOPES, request=transport)[0]
            self._credentials.before_request(  # type: ignore[no-untyped-call]  # as above
                self._http, "GET", HOME + path, headers
            )
        return self._http.open("GET", (self.endpoint or HOME) + path, headers)

    def let_go(self) -> None:
        """Begin the next call on a new TCP connection, and with credentials found anew."""
        self._http.close()
        self._credentials = None
