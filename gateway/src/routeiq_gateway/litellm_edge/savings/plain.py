"""Plain values: what JSON can express."""

ATOMS = frozenset({type(None), bool, int, float, str})
"""Types whose values are their own copies, and hold nothing."""


def plain(value: object) -> bool:
    """Whether a value is of the types of JSON, to any depth."""
    if type(value) is list:
        return all(map(plain, value))
    if type(value) is dict:
        return all(map(plain, value.values()))
    return type(value) in ATOMS
