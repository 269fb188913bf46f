"""HTTPS: SSL_CERTFILE_PATH and SSL_KEYFILE_PATH, and certificates that are renewed."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_der_x509_certificate

from tests.support.gateway import CHAT, MASTER_KEY, Gateway, config_with, gateway
from tests.support.processes import SCRIPTS
from tests.support.waiting import wait_for


@dataclass
class Pair:
    """The two files that the settings name, and the authority that clients trust."""

    folder: Path
    authority: trustme.CA

    @property
    def settings(self) -> dict[str, str]:
        """The variables that name the files."""
        return {
            "SSL_CERTFILE_PATH": str(self.folder / "cert.pem"),
            "SSL_KEYFILE_PATH": str(self.folder / "key.pem"),
        }

    def issue(self) -> tuple[bytes, bytes, int]:
        """Return a new certificate's chain, its key and its serial number."""
        issued = self.authority.issue_cert("127.0.0.1")
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        number = load_der_x509_certificate(ssl.PEM_cert_to_DER_cert(chain.decode().split("-----END")[0] + END))
        return chain, issued.private_key_pem.bytes(), number.serial_number

    def write(self, name: str, content: bytes) -> None:
        """Replace one file in one step."""
        (self.folder / "new").write_bytes(content)
        (self.folder / "new").replace(self.folder / name)

    def context(self) -> ssl.SSLContext:
        """Return what a client verifies with."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def served(self, port: int) -> int:
        """Return the serial number of the certificate that a new connection sees."""
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
            self.context().wrap_socket(plain, server_hostname="127.0.0.1") as secured,
        ):
            seen = secured.getpeercert(binary_form=True)
            assert seen is not None
            return load_der_x509_certificate(seen).serial_number


END = "-----END CERTIFICATE-----\n"


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A valid pair on disk."""
    made = Pair(tmp_path, trustme.CA())
    chain, key, _ = made.issue()
    made.write("cert.pem", chain)
    made.write("key.pem", key)
    return made


@contextlib.contextmanager
def asking(pair: Pair, started: Gateway) -> Iterator[list[int]]:
    """Ask all the while, on one connection and on new ones; what was answered is in the list."""
    done, answered = Event(), list[int]()
    url, headers = f"https://127.0.0.1:{started.port}/v1/chat/completions", {"Authorization": f"Bearer {MASTER_KEY}"}
    context = pair.context()

    def on_one() -> None:
        with httpx.Client(verify=context, headers=headers, timeout=60) as client:
            while not done.is_set():
                answered.append(client.post(url, json=CHAT).status_code)

    def on_new() -> None:
        while not done.is_set():
            answered.append(httpx.post(url, json=CHAT, headers=headers, verify=context, timeout=60).status_code)

    with ThreadPoolExecutor() as pool:
        under_way = [pool.submit(on_one), pool.submit(on_new)]
        try:
            wait_for("a first answer on each", lambda: len(answered) > 4, seconds=60)
            yield answered
        finally:
            done.set()
            for future in under_way:
                future.result()


def wait_ready(pair: Pair, started: Gateway) -> None:
    """Wait until the gateway is ready, asked by HTTPS."""

    def ready() -> bool:
        with contextlib.suppress(httpx.TransportError):
            url = f"https://127.0.0.1:{started.port}/health/ready"
            return httpx.get(url, verify=pair.context(), timeout=30).status_code == httpx.codes.OK
        return False

    wait_for("the gateway to be ready", ready, seconds=60)


def test_renewed_certificates_are_taken_without_a_lost_request(tmp_path: Path, pair: Pair) -> None:
    """New connections see the renewed certificate; no request fails; half of a renewal keeps the pair before it."""
    with gateway(tmp_path, port=None, scripts=SCRIPTS, **pair.settings) as started:
        started.volume.put(config_with("here"))
        wait_ready(pair, started)
        before = pair.served(started.port)
        with asking(pair, started) as answered:
            chain, key, after = pair.issue()
            pair.write("cert.pem", chain)
            started.process.wait_for_text("is not the key of the certificate")
            assert pair.served(started.port) == before
            pair.write("key.pem", key)
            wait_for("every worker to show it", lambda: {pair.served(started.port) for _ in range(8)} == {after})
            count = len(answered)
            wait_for("answers after the renewal", lambda: len(answered) > count + 10)
        assert set(answered) == {200}
        log = started.process.text()
        assert log.count("the one before stays in use") <= 2, "each of two workers says it once"
        started.volume.put(config_with("reloaded"))
        wait_for("the reload", lambda: (started.volume.answer()["serving"] or {}).get("number") == 2)
        assert pair.served(started.port) == after
        (tmp_path / "cert.pem").unlink()
        wait_for("the reason", lambda: pair.served(started.port) and "No such file" in started.process.text())


def test_a_client_without_tls_disturbs_nobody(tmp_path: Path, pair: Pair) -> None:
    """Plain HTTP on the port is closed, a handshake never begun is given up in time, and neither fills the log."""
    with gateway(tmp_path, port=None, scripts=SCRIPTS, KEEPALIVE_TIMEOUT="2", **pair.settings) as started:
        started.volume.put(config_with("here"))
        wait_ready(pair, started)
        with pytest.raises(httpx.TransportError):
            started.get("/health/ready")
        with socket.create_connection(("127.0.0.1", started.port), timeout=30) as silent:
            assert silent.recv(1) == b""
        wait_ready(pair, started)
        assert "Traceback" not in started.process.text()


def encrypted(key: bytes) -> bytes:
    """Return the key with a pass phrase."""
    loaded = load_pem_private_key(key, None)
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"phrase"))


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("missing", "SSL_KEYFILE_PATH: "),
        ("another's", "SSL_KEYFILE_PATH is not the key of the certificate"),
        ("no pem", "no certificate or no key in PEM"),
        ("pass phrase", "the key has a pass phrase"),
    ],
)
def test_a_bad_pair_ends_the_start_with_a_sentence(tmp_path: Path, pair: Pair, what: str, sentence: str) -> None:
    """The setting is named with what is wrong, before LiteLLM is imported, and the exit code is 2."""
    key = (tmp_path / "key.pem").read_bytes()
    content = {"missing": b"", "another's": pair.issue()[1], "no pem": b"hello\n", "pass phrase": encrypted(key)}
    pair.write("key.pem", content[what])
    if what == "missing":
        (tmp_path / "key.pem").unlink()
    with gateway(tmp_path, port=None, scripts=SCRIPTS, **pair.settings) as started:
        assert started.process.wait_for_exit(seconds=60) == 2
        assert sentence in started.process.text()
        assert "LiteLLM imported" not in started.process.text()
        assert "Traceback" not in started.process.text()
