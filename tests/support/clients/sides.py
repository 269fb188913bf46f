"""Stock LiteLLM and the gateway, before the same providers."""

from dataclasses import dataclass

from tests.support.operations import Pair
from tests.support.providers import Providers


@dataclass(frozen=True)
class Sides(Pair):
    """Both sides, and the providers behind them."""

    providers: Providers

    @property
    def ports(self) -> tuple[int, int]:
        """Where stock listens, and where the gateway does."""
        return self.stock.port, self.ours.port
