"""What several rooms of syncd raise and somebody has to hear of, in sentences and without secrets."""


class SettingsError(Exception):
    """A setting cannot work; the message names it, what was expected and what to do."""


class UnreachableError(Exception):
    """The database cannot be reached or does not let us in."""


class TooLongError(Exception):
    """More bytes came than are taken."""
