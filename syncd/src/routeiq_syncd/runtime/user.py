"""Who runs this process, for the history of who asked for what."""

import os
import pwd
import socket


def user_name() -> str:
    """Return the user and the machine, such as ``alice@bastion``; a user without a name is told by its number."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = str(user)
    return f"{name}@{socket.gethostname()}"
