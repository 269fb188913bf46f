"""Waiting before another try: for a random while, so that many migrators do not try at the same instants."""

import asyncio
import random


async def pause(shortest: float, longest: float, at_most: float = float("inf")) -> None:
    """Sleep for a random while between two limits, and not longer than ``at_most``; all in seconds."""
    await asyncio.sleep(min(random.uniform(shortest, longest), at_most))  # noqa: S311 - spreads load, no secret
