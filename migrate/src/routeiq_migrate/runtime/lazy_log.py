"""The log of a run, which most runs never write to."""

from functools import cached_property
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # structlog takes 0.1 s to import, as long as a run that finds nothing to do
    from routeiq_migrate.runtime.logs import Log


class LazyLog:
    """Builds the log at its first event; each method takes the event in words, and its values by name."""

    def __init__(self, *, level: str, form: Literal["json", "console"] | None) -> None:
        self.level = level
        self.form = form

    @cached_property
    def log(self) -> "Log":
        """The log itself."""
        from routeiq_migrate.runtime.logs import build_log  # noqa: PLC0415 - see above

        return build_log("migrate", level=self.level, form=self.form)

    def info(self, event: str, **values: object) -> None:
        """Log what an operator may want to know."""
        self.log.info(event, **values)

    def warning(self, event: str, **values: object) -> None:
        """Log what an operator should look at."""
        self.log.warning(event, **values)

    def error(self, event: str, **values: object) -> None:
        """Log why the run ends."""
        self.log.error(event, **values)
