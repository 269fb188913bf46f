"""The command ``routeiq-migrate``."""


def main() -> None:
    """Run the command."""
