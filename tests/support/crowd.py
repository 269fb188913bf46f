"""Clients by the thousand that connect and then say little or nothing."""

import contextlib
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

HALF_A_HEAD = b"GET /health/live HTTP/1.1\r\nHost: crowd\r\nX-Slow: "


def raise_own_limit() -> None:
    """Let this process have as many descriptors as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextlib.contextmanager
def crowd(address: tuple[str, int] | Path, count: int, says: bytes = b"") -> Iterator[list[socket.socket]]:
    """Yield ``count`` connections to ``address``, on each of which ``says`` was sent; close them afterwards.

    A connection that the server closes at once counts: it was had.
    """
    raise_own_limit()
    with contextlib.ExitStack() as held:
        clients = []
        for _ in range(count):
            family, place = (socket.AF_UNIX, str(address)) if isinstance(address, Path) else (socket.AF_INET, address)
            client = held.enter_context(socket.socket(family))
            client.settimeout(30)
            client.connect(place)
            with contextlib.suppress(ConnectionError):
                client.sendall(says)
            clients.append(client)
        yield clients


def closed(client: socket.socket) -> bool:
    """Whether the server has closed the connection; what it has answered before is dropped."""
    client.setblocking(False)
    try:
        while client.recv(65536):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True
