"""What a check finds in a configuration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Findings:
    """Sentences that begin with the name of a setting: ``errors`` refuse the configuration, ``warnings`` do not."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
