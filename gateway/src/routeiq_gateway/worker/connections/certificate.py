"""The certificate that clients see, taken anew when its files change.

Whoever renews a certificate replaces two files, seldom in one step. So a pair that does not fit is not taken: the pair
before stays in use, and the files are looked at again once they change.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from routeiq_gateway.runtime.logs import Log

Mark = tuple[tuple[int, int, int], ...]
"""What tells two states of the files apart: inode, size in bytes, and time of change in nanoseconds of each."""


class BadCertificateError(Exception):
    """The pair cannot be used; the message names the file or the setting, and quotes neither."""


@dataclass
class Certificate:
    """A pair of files, and the TLS context made of them.

    Attributes:
        chain: the certificate, and those between it and the root, in PEM.
        key: its private key in PEM, without a pass phrase.
    """

    chain: Path
    key: Path
    _context: ssl.SSLContext = field(init=False, repr=False)
    _mark: Mark = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Load the pair.

        Raises:
            BadCertificateError: a file is missing or unreadable, or the two do not belong together.
        """
        self._mark = self._look()
        self._context = self._load()

    def context(self, log: Log) -> ssl.SSLContext:
        """Return the context for a new connection, made of the files as they are now if they can be used."""
        try:
            mark = self._look()
            if mark != self._mark:
                self._mark = mark  # before it is loaded: a pair that cannot be used is told once
                self._context = self._load()
                log.info("took the renewed certificate", certificate=str(self.chain))
        except BadCertificateError as error:
            log.error("the certificate is not renewed: the one before stays in use", reason=str(error))
        return self._context

    def _look(self) -> Mark:
        marks = []
        for path in (self.chain, self.key):
            try:
                found = path.stat()
            except OSError:
                marks.append((0, 0, 0))
            else:
                marks.append((found.st_ino, found.st_size, found.st_mtime_ns))
        return tuple(marks)

    def _load(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        for name, path in (("SSL_CERTFILE_PATH", self.chain), ("SSL_KEYFILE_PATH", self.key)):
            try:
                path.open("rb").close()
            except OSError as error:
                raise BadCertificateError(
                    f"{name}: {path}: {error.strerror}; name a file that the gateway's user can read"
                ) from None
        try:
            context.load_cert_chain(self.chain, self.key, password=_no_pass_phrase)
        except BadCertificateError:
            raise
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise BadCertificateError(
                    "SSL_KEYFILE_PATH is not the key of the certificate at SSL_CERTFILE_PATH; set a pair that belongs"
                    " together"
                ) from None
            raise BadCertificateError(
                "SSL_CERTFILE_PATH or SSL_KEYFILE_PATH is no certificate or no key in PEM; check that each begins with"
                " -----BEGIN"
            ) from None
        return context


def _no_pass_phrase() -> str:
    raise BadCertificateError(
        "SSL_KEYFILE_PATH: the key has a pass phrase, and nobody is here to type it; give the gateway a key without one"
    )
