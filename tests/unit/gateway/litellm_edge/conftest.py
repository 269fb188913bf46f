import socket
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture
def listening_database() -> Iterator[str]:
    """The URL of what answers as PostgreSQL does to the question whether it has TLS."""

    def answer() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.recv(8)
                client.sendall(b"N")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"postgresql://user:password@127.0.0.1:{server.getsockname()[1]}/litellm"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)
