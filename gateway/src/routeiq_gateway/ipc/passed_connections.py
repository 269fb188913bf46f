"""The connections that are passed on: a worker that drains puts idle ones in, a worker that accepts takes them out.

It works as the queue of the listening socket does: the kernel holds what nobody has taken yet, all workers share both
ends, and a connection in it loses nothing that its client sends.
"""

import os
import socket


class Passed:
    """A queue of connected sockets, shared by the process that made it and the children it forks afterwards."""

    def __init__(self) -> None:
        # SOCK_SEQPACKET keeps one message for each connection, and blocks at a size and not at a count.
        self._into, self._out = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._into.setblocking(False)
        self._out.setblocking(False)

    def fileno(self) -> int:
        """Return the file descriptor that is readable while there is a connection to take."""
        return self._out.fileno()

    def put(self, descriptor: int) -> bool:
        """Put a connection in; the caller closes its own descriptor. Return whether it fitted in."""
        try:
            socket.send_fds(self._into, [b"c"], [descriptor])
        except OSError:  # full, or as many descriptors are on their way as the kernel allows
            return False
        return True

    def take(self) -> socket.socket | None:
        """Take a connection out; None where there is none, or another worker was faster.

        Raises:
            OSError: there is no descriptor left for it.
        """
        # The kernel drops a connection that finds no free descriptor, so make sure of one.
        os.close(os.dup(self._out.fileno()))
        try:
            _, descriptors, _, _ = socket.recv_fds(self._out, 1, 1, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        return socket.socket(fileno=descriptors[0]) if descriptors else None

    def close(self) -> None:
        """Close both ends."""
        self._into.close()
        self._out.close()
