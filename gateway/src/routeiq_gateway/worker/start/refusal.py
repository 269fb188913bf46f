"""The refusal of a start."""

from collections.abc import Sequence


class StartRefusedError(Exception):
    """LiteLLM cannot start on the configuration, or does not hold what it declares; the message is the reason.

    Attributes:
        passing: something outside is away, and the configuration is not to blame.
        problems: the sentences that the reason sums up, all of them; the reason alone where it is one sentence.
    """

    def __init__(self, reason: str, *, passing: bool = False, problems: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.passing = passing
        self.problems = tuple(problems) or (reason,)
