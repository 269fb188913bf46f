"""When a program is started again, and when the whole replica ends: the decisions, and nothing but decisions.

A fault that can be borne ends nothing else. A program that ends is started again, after pauses that grow with each
failure in a row. The replica ends where waiting cannot help: a program that has never been up says, again and again,
that it cannot work, or the gateway, without which nothing is served, says so; the gateway has never been up and dies
at every start; a program hangs again and again.
"""

from dataclasses import dataclass, replace

CANNOT_WORK = {2: "its settings cannot work", 4: "its port is taken", 5: "its volume cannot be used"}
"""What exit codes of syncd and the gateway say."""
GATEWAY = "gateway"
MOST_FAILURES = 4
"""Starts in a row that fail for good before the replica ends."""
MOST_HANGS = 5
HANGS_SECONDS = 600.0
CALM_SECONDS = 60.0
"""A program that ran for so long begins anew: it is started again at once."""
LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class History:
    """What a program has been through. Instants and durations are in seconds.

    Attributes:
        up: it has run for longer than a failing start takes.
        failures: how often in a row it has ended without a calm before.
        hopeless: how often in a row it has said that it cannot work, or the gateway has died at its start.
        hangs: when it hung, within the last ten minutes.
    """

    up: bool = False
    failures: int = 0
    hopeless: int = 0
    hangs: tuple[float, ...] = ()

    def hung(self, now: float) -> "History":
        """Return the history once the program was killed because it hung."""
        return replace(self, hangs=(*(at for at in self.hangs if now - at < HANGS_SECONDS), now))

    def ended(self, name: str, code: int | None, lasted: float, *, start: float) -> "History":
        """Return the history once the program has ended.

        Args:
            name: the program.
            code: its exit code, negative for a signal; None where it could not be started.
            lasted: seconds for which it ran.
            start: seconds that a start takes at most; a program that runs for longer is up.
        """
        up = self.up or lasted > start
        failures = 1 if lasted >= CALM_SECONDS else self.failures + 1
        cannot_work = code in CANNOT_WORK and (name == GATEWAY or not up)
        dies_at_start = name == GATEWAY and not up and code is not None and code > 0
        hopeless = self.hopeless + 1 if cannot_work or dies_at_start else 0
        return replace(self, up=up, failures=failures, hopeless=hopeless)

    def pause(self) -> float:
        """Return for how many seconds the program is left alone: none the first time, then more and more."""
        steps = max(self.failures, len(self.hangs)) - 1
        return min(2.0 ** (steps - 1), LONGEST_PAUSE) if steps > 0 else 0.0

    def verdict(self, code: int | None) -> str | None:
        """Return why the replica has to end, None where the program is started again; ``code`` is its exit code."""
        if len(self.hangs) >= MOST_HANGS:
            return f"it hung {MOST_HANGS} times within {HANGS_SECONDS / 60:g} minutes"
        if self.hopeless < MOST_FAILURES:
            return None
        why = CANNOT_WORK.get(code or 0, f"it ends at its start, with exit code {code}")
        return f"{why}, {self.hopeless} times in a row"
