"""Query engines end with their worker, whatever ends the worker.

Where LiteLLM has a database, each worker starts Prisma's query engine, and ends it as the worker exits. A worker that
is killed cannot do that, and its parent may be gone before it. So the kernel does it: a child is marked to be killed
when the process that started it is gone (prctl(2), PR_SET_PDEATHSIG), and then becomes the engine.
"""

import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2)
STARTS_ENGINES = "prisma.engine._query"
"""The module of Prisma's client that starts query engines, with `subprocess.Popen`."""


class NoClientError(Exception):
    """LiteLLM has a database, and its Prisma client is not generated; the message says what to run."""


def check_client() -> None:
    """Check that Prisma's client, which LiteLLM needs for a database, is generated.

    Raises:
        NoClientError: it is not.
    """
    if importlib.util.find_spec("prisma.client") is None:  # the module that `prisma generate` writes
        litellm = importlib.util.find_spec("litellm")
        places = (litellm and litellm.submodule_search_locations) or [""]
        schema = Path(places[0]) / "proxy" / "schema.prisma"
        raise NoClientError(
            "DATABASE_URL is set, and LiteLLM's Prisma client is not generated: run"
            f" `{Path(sys.executable).with_name('prisma')} generate --schema {schema}`,"
            " or set ROUTEIQ_LITELLM_DATABASE=false to keep the database from LiteLLM"
        )


def end_with_their_worker() -> None:
    """From now on, have the kernel kill a query engine once the process that starts it is gone.

    Raises:
        NoClientError: Prisma's client is not generated.
    """
    check_client()
    starter = importlib.import_module(STARTS_ENGINES)
    starter.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": start})  # type: ignore[attr-defined]


def start(
    args: Sequence[str],
    *,
    preexec_fn: Callable[[], object] | None = None,
    **given: Any,  # noqa: ANN401 - as Popen takes them
) -> subprocess.Popen[Any]:
    """Start a query engine as ``subprocess.Popen`` does, and bind its life to this process's."""
    if threading.current_thread() is not threading.main_thread():
        # The kernel watches the thread that forks, and not its process: the engine would end with a passing thread.
        return subprocess.Popen(args, preexec_fn=preexec_fn, **given)  # noqa: PLW1509 - Prisma's own arguments
    libc, worker = ctypes.CDLL(None), os.getpid()

    def bind() -> None:
        if preexec_fn is not None:
            preexec_fn()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != worker:  # it ended before the mark was set
            os._exit(1)

    return subprocess.Popen(args, preexec_fn=bind, **given)  # noqa: PLW1509 - Prisma's own arguments
