"""The command ``routeiq-gateway``."""


def main() -> None:
    """Run the command."""
