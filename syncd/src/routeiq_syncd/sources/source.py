"""What every source is, whatever client it wraps."""

from typing import Protocol

from routeiq_syncd.revision.fetched import Fetch


class Source(Protocol):
    """A place that a configuration is read from."""

    @property
    def kind(self) -> str:
        """``file``, or the kind of a store."""

    @property
    def location(self) -> str:
        """Where the configuration is, for people; without credentials."""

    def fetch(self, known: str | None) -> Fetch:
        """Read the source, blocking for a bounded time.

        Args:
            known: the token of the version that the caller has dealt with, None for none.
        """
