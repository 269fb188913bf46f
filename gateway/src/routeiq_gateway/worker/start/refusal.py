"""The refusal of a start."""


class StartRefusedError(Exception):
    """LiteLLM cannot start on the configuration, or does not hold what it declares; the message is the reason.

    Attributes:
        passing: something outside is away, and the configuration is not to blame.
    """

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.passing = passing
