"""How a run is told to whoever watches it."""

from dataclasses import dataclass

from routeiq_migrate.runtime.lazy_log import LazyLog
from routeiq_migrate.runtime.progress import Progress
from routeiq_migrate.runtime.telemetry import Telemetry


@dataclass(frozen=True)
class Report:
    """The log for events, the progress for each migration, the telemetry for spans."""

    log: LazyLog
    progress: Progress
    telemetry: Telemetry
