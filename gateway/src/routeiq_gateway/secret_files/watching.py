"""Secret sets: what the files held, one after the other, for as long as somebody serves with it."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from routeiq_gateway.configuration.redact import worth_hiding
from routeiq_gateway.secret_files.reading import SETTING, BadSecretsError, Fixed, Signs, read_secrets, signs_of

LOOK_EVERY = 0.2
"""Seconds between looks at the files: one stat(2) for each."""
STILL = 0.4
"""Seconds for which the files are still before they are read: who writes them in place may be half-way."""
HIDDEN_SETS = 32
"""Sets whose values are hidden in all output, the newest and those before: a worker may drain with an older one."""


@dataclass(frozen=True)
class SecretSet:
    """What the files held at one moment; ``number`` grows with each set, and 0 is the set without a file."""

    number: int
    values: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass
class SecretFiles:
    """The files in ``directories``, and the sets that were read of them.

    Attributes:
        fixed: says which variables cannot come from a file.
        problem: why the files as they are now cannot be used, None where they can.
    """

    directories: Sequence[Path] = ()
    fixed: Fixed = field(default=lambda _name: None)
    problem: BadSecretsError | None = field(default=None, init=False)
    _sets: dict[int, SecretSet] = field(default_factory=dict, init=False, repr=False)
    _hidden: deque[frozenset[str]] = field(default_factory=lambda: deque(maxlen=HIDDEN_SETS), init=False, repr=False)
    _looked: float = field(default=float("-inf"), init=False)
    _signs: Signs | None = field(default=None, init=False)
    _since: float = field(default=0.0, init=False)
    _judged: Signs | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.directories:
            self.problem = BadSecretsError(f"{SETTING}: the files are being read")
        else:
            self._sets[0] = SecretSet(0)

    @property
    def newest(self) -> int | None:
        """The number of the newest set, None before the files could be used for the first time."""
        return max(self._sets, default=None)

    @property
    def hidden(self) -> frozenset[str]:
        """The values that no output may show, of this set and of those before."""
        return frozenset().union(*self._hidden)

    def of(self, number: int | None) -> SecretSet:
        """Return the set of this number, and one without a file where there is none."""
        return self._sets.get(number or 0, SecretSet(0))

    def keep(self, numbers: Collection[int]) -> None:
        """Forget the sets other than the newest and those of ``numbers``."""
        for number in self._sets.keys() - {*numbers, self.newest}:
            del self._sets[number]

    def look(self, now: float) -> SecretSet | BadSecretsError | None:
        """Return a set, or the reason why the files cannot be used, where either is new.

        Args:
            now: seconds of a monotonic clock. The first look reads at once; later ones wait until the files are still.
        """
        if not self.directories or now - self._looked < LOOK_EVERY:
            return None
        first, self._looked = self._signs is None, now
        signs = signs_of(self.directories)
        if signs != self._signs:
            self._signs, self._since = signs, now
        if signs == self._judged or (not first and now - self._since < STILL):
            return None
        try:
            values, problem = read_secrets(self.directories, self.fixed), None
        except BadSecretsError as error:
            values, problem = {}, error
        if signs_of(self.directories) != signs:
            return None  # a file changed meanwhile: what was read may be a mixture
        self._judged = signs
        return self._told(values, problem)

    def _told(self, values: dict[str, str], problem: BadSecretsError | None) -> SecretSet | BadSecretsError | None:
        before, self.problem = self.problem, problem
        if problem is not None:
            return problem if before is None or str(before) != str(problem) else None
        newest = self.newest
        if newest is not None and before is None and values == self._sets[newest].values:
            return None  # written anew, with the same content
        made = SecretSet((newest or 0) + 1, values)
        self._sets[made.number] = made
        self._hidden.append(worth_hiding(values.values()))
        return made
