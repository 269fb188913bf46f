"""The rules: frozen values and pure functions; ``now`` is always an argument."""
