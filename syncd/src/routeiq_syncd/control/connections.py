"""Connections within bounds: clients that say nothing, or say it slowly, keep nobody else from being answered.

Any number of clients may connect. As many connections as the bound are held, those over TCP and those over the control
socket counted apart; a new one beyond it takes the place of the one that has waited longest without a request. So a
probe, which asks at once, is answered whatever a crowd does, and memory and descriptors are bounded.
"""

import asyncio
import select
from dataclasses import dataclass, field
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 256
"""Connections held over TCP, and as many over the control socket."""
HEAD_SECONDS = 10.0
"""Seconds in which the head of a request has to come, after the connection or the answer before it."""
MOST_HEAD = 16 * 1024
"""Bytes of the longest head."""


@dataclass(eq=False)
class Crowd:
    """The connections that came one way: ``most`` of them, in the order in which they began to wait."""

    most: int = MOST
    _held: dict["Connection", None] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._held)

    def take(self, connection: "Connection") -> None:
        """Put ``connection`` last; where there are too many, the one that has waited longest gives way."""
        self._held.pop(connection, None)
        if len(self._held) >= self.most:
            longest = next((each for each in self._held if each.silent), next(iter(self._held)))
            self.forget(longest)
            longest.transport.abort()
        self._held[connection] = None

    def forget(self, connection: "Connection") -> None:
        """Leave out ``connection``, which is closed."""
        self._held.pop(connection, None)


@dataclass(frozen=True)
class Crowds:
    """The two ways in."""

    tcp: Crowd = field(default_factory=Crowd)
    unix: Crowd = field(default_factory=Crowd)


class Connection(H11Protocol):
    """uvicorn's connection, with a bound on how long it waits for a request.

    Args:
        crowds: where it is counted.
        more: what uvicorn's protocol takes.
    """

    def __init__(self, crowds: Crowds, **more: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(**more)
        self._crowds = crowds
        self._late: asyncio.TimerHandle | None = None

    @property
    def silent(self) -> bool:
        """Whether no request has come whole, and nothing waits unread that could be one."""
        return self._idle and not self._unread()

    @property
    def _idle(self) -> bool:
        # uvicorn's type leaves out that there is no request at first.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    @property
    def _crowd(self) -> Crowd:
        # uvicorn gives (path, None) for a UNIX socket, and (host, port) for TCP.
        return self._crowds.unix if self.server is None or self.server[1] is None else self._crowds.tcp

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]  # as uvicorn narrows it
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count no more."""
        self._wait_no_more()
        self._crowd.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on. Half a head gives no more time."""
        super().data_received(data)
        if not self._idle:
            self._wait_no_more()

    def on_response_complete(self) -> None:
        """Wait for the next request, if it has not come already."""
        super().on_response_complete()
        if self._idle:
            self._wait()

    def _wait(self) -> None:
        self._wait_no_more()
        if not self.transport.is_closing():
            self._crowd.take(self)
            self._late = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _unread(self) -> bool:
        connected = self.transport.get_extra_info("socket")
        if connected is None or connected.fileno() < 0:
            return False
        waiting = select.poll()
        waiting.register(connected.fileno(), select.POLLIN)
        return bool(waiting.poll(0))
