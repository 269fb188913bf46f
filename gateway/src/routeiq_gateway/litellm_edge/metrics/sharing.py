"""Whether a worker shares its metrics with the others, and prometheus_client's part in that."""

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from routeiq_gateway.litellm_edge.metrics.places import VARIABLE, Places
from routeiq_gateway.litellm_edge.metrics.room import ReservedDict
from routeiq_gateway.runtime.logs import Log

CALLBACKS = ("callbacks", "success_callback", "failure_callback", "service_callback")
PROMETHEUS = {"prometheus", "prometheus_system"}


def wanted(config: Mapping[str, Any], environment: Mapping[str, str]) -> bool:
    """Whether workers on ``config`` share metrics.

    They do where the configuration has a Prometheus callback, where LiteLLM has a database, which may bring such a
    callback at any time, and where the operator has named a directory.
    """
    general, settings = (config.get(key) or {} for key in ("general_settings", "litellm_settings"))
    named = any(PROMETHEUS & _names(settings.get(key)) for key in CALLBACKS)
    database = environment.get("DATABASE_URL") or general.get("database_url")
    return bool(named or database or environment.get(VARIABLE) or environment.get(VARIABLE.lower()))


@dataclass
class Sharing:
    """One worker's part in the metrics of all.

    Attributes:
        places: where it finds a place.
        log: is told, once, when metrics are left out.
    """

    places: Places
    log: Log
    _names: dict[int, str] = field(default_factory=dict)
    _shared: bool = True
    _told: bool = False

    def begin(self, nothing: Path) -> None:
        """Take a place, have prometheus_client write there, and LiteLLM read there; before any metric is made.

        Args:
            nothing: a directory without metrics, for a scrape where no place can be had.
        """
        self._name()
        os.environ[VARIABLE] = str(self.places.directory if self._shared else nothing)
        values: Any = importlib.import_module("prometheus_client.values")  # its types say nothing of these names
        values.MmapedDict = self._open
        values.ValueClass = values.MultiProcessValue(self._name)

    def _name(self) -> str:
        """Return the name of this process's place; a fork of a worker takes one of its own."""
        pid = os.getpid()
        if pid not in self._names:
            try:
                self._names[pid], self._shared = self.places.take(), True
            except OSError as error:
                self._names[pid], self._shared = f"none-{pid}", False
                self._left_out(error)
        return self._names[pid]

    def _open(self, filename: str) -> ReservedDict:
        return ReservedDict(filename, shared=self._shared, left_out=self._left_out)

    def _left_out(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            self.log.error(
                "metrics are left out of /metrics; requests go on",
                reason=error.strerror or str(error),
                directory=str(self.places.directory),
                hint=f"make room there, or name another directory with {VARIABLE} or TMPDIR",
            )


def _names(callbacks: object) -> set[str]:
    """Return the names in a setting of callbacks, which is a name or a list."""
    listed = callbacks if isinstance(callbacks, list) else [callbacks]
    return {name for name in listed if isinstance(name, str)}
