"""Plain values: those that JSON can express."""

ATOMS = frozenset({type(None), bool, int, float, str})
"""Types whose values cannot be changed and hold no other value, so that a copy may share them."""


def plain(value: object) -> bool:
    """Whether ``value`` is of the types of JSON, to any depth."""
    if type(value) is list:
        return all(map(plain, value))
    if type(value) is dict:
        return all(map(plain, value.values()))
    return type(value) in ATOMS
