"""Waiting before another try: for a random while, so that many migrators do not try at the same instants."""

import asyncio
import random
import time


async def pause(shortest: float, longest: float, *, until: float = float("inf")) -> None:
    """Sleep for a random while between two limits in seconds, and hardly beyond ``until`` (monotonic seconds)."""
    left = max(0.05, until - time.monotonic())  # a moment in any case: a loop that has a last try does not spin
    await asyncio.sleep(min(random.uniform(shortest, longest), left))  # noqa: S311 - spreads load, no secret
