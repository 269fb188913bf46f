"""The command ``routeiq-syncd``."""


def main() -> None:
    """Run the command."""
