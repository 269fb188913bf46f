"""What of a configuration may be shown: values of keys whose values are harmless, and texts that read as names.

Whatever is not known to be harmless counts as a secret. So a value is shown by its key, and even then only where it
has the form of a number, a name or an address, since a secret may have been pasted there; a key is shown where it reads
as a name in which words of settings occur, or words that are one slip away from these.
"""

import re
from enum import Enum, auto

from routeiq_syncd.configuration.harmless_keys import (
    COSTS,
    HARMLESS,
    MORE_WORDS,
    NAMES,
    SECRETS,
    SERVERS,
    SETTINGS,
)

MASK = "***"
REFERENCE = "os.environ/"

RUN = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
BRACKETED = re.compile(r"'(<[\w ]+>|[^\w\s]|-|\\[a-z])'")
"""A term of YAML's own in a message of a YAML library."""
CREDENTIAL = re.compile(
    r"(^|/)(sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[a-z]|hf|npm|pypi|dop|whsec)[_-]|(^|/)(AKIA|ASIA|AIza|eyJ)"
)
"""How keys of well-known services begin."""
KEY = re.compile(r"[A-Za-z0-9_.-]{1,80}")
NAME = re.compile(r"[A-Za-z0-9_.:/*+@-]{1,120}")
VARIABLE = re.compile(r"[A-Za-z_]\w{0,99}")
PARTS = re.compile(r"[_.:/*+@-]+")
NUMERIC = re.compile(r"(\[[0-9a-fA-F:.]{2,45}\]|[0-9]{1,3}(\.[0-9]{1,3}){3})(:[0-9]{1,5})?")
"""The address of a host in numbers."""
VOWEL = re.compile(r"[aeiouy]", re.IGNORECASE)
TOKEN = ("http", "https")
"""Schemes of addresses in which a user without a password is a token."""
UNPRONOUNCEABLE = re.compile(r"[bcdfghjklmnpqrstvwxz]{5}", re.IGNORECASE)
URL = re.compile(r"([a-z][a-z0-9+.-]{1,20})://(\S*)", re.IGNORECASE)
LONGEST_PART, LONGEST_WORD, LONGEST_NUMBER = 24, 14, 8
SHORTEST_WORD, LONGEST_NAME = 3, 100
MOST_RUNS, MOST_LETTERS, MOST_DIGITS = 3, 4, 17
"""A part of a name has few changes between letters and digits, unlike a key; few of its words are single letters."""
PAIR, MOST_PAIRS = 2, 2
"""Words of two letters, such as `cb` in `cb.handler`, in a name of small letters alone."""
LETTERS_OF_A_SLIP = 5
HIGHEST = 10**12
"""Numbers of more digits than any limit has may be keys."""


def words() -> frozenset[str]:
    """Return the words of settings, in lower case."""
    keys = HARMLESS | SETTINGS | SERVERS | NAMES | SECRETS | MORE_WORDS
    return frozenset(word for key in keys for word in RUN.findall(key))


def _shorter(word: str) -> set[str]:
    """Return ``word`` without one of its letters, in every way."""
    return {word[:at] + word[at + 1 :] for at in range(len(word))}


WORDS = words()
NEAR = frozenset(near for word in WORDS if len(word) >= LETTERS_OF_A_SLIP for near in {word, *_shorter(word)})
"""Words, and words without a letter: two words are one slip apart where they meet in these."""


class Place(Enum):
    """What stands at a place of a configuration: a mapping, with keys of a kind, or values."""

    SETTINGS = auto()
    SERVERS = auto()
    NAMES = auto()
    SECRETS = auto()
    HARMLESS = auto()
    HIDDEN = auto()


CHOSEN = frozenset({Place.SERVERS, Place.NAMES, Place.SECRETS})
"""Places whose keys are names that the operator chose."""


def place_below(place: Place, key: object) -> Place:
    """Return what stands under ``key`` of a mapping at ``place``."""
    name = str(key)
    if place in CHOSEN:
        return {Place.SERVERS: Place.SETTINGS, Place.NAMES: Place.HARMLESS}.get(place, Place.HIDDEN)
    if place is not Place.SETTINGS:
        return Place.HIDDEN  # a mapping where a value is expected
    kinds = {Place.SETTINGS: SETTINGS, Place.SERVERS: SERVERS, Place.NAMES: NAMES, Place.SECRETS: SECRETS}
    found = next((kind for kind, keys in kinds.items() if name in keys), None)
    return found or (Place.HARMLESS if is_harmless(key) else Place.HIDDEN)


def is_harmless(key: object) -> bool:
    """Whether the values of this key may be shown, where they have the form of a number, a name or an address."""
    name = str(key).replace("-", "_")
    return name in HARMLESS or bool(COSTS.fullmatch(name))


def is_known(text: str) -> bool:
    """Whether ``text`` consists of words of settings alone, and so tells nothing."""
    runs = RUN.findall(text)
    return any(map(str.isalpha, runs)) and bool(KEY.fullmatch(text)) and all(_is_word(run, slips=False) for run in runs)


def shown_key(key: object, place: Place = Place.SETTINGS) -> str:
    """Return ``key`` of a mapping at ``place`` as it may be shown; a secret may have been pasted there."""
    text = str(key)
    runs = RUN.findall(text) if KEY.fullmatch(text) else []
    if runs and all(map(_is_word, runs)):
        return text
    tells = place in CHOSEN or any(len(run) >= SHORTEST_WORD and run.isalpha() and _is_word(run) for run in runs)
    return text if tells and is_name(text) else MASK


def shown_scalar(value: object, place: Place = Place.HARMLESS) -> object:
    """Return ``value``, which is no mapping and no list and stands at ``place``, as it may be shown."""
    match value:
        case bool() | None:
            return value
        case str() if value.startswith(REFERENCE):
            return shown_reference(value)
        case int() | float() if place is Place.HARMLESS and -HIGHEST < value < HIGHEST:
            return value
        case str() if place is Place.HARMLESS:
            return shown_text(value)
        case _:
            return MASK


def shown_text(text: str) -> str:
    """Return ``text`` where it reads as a name; of an address, what reads so."""
    if address := URL.fullmatch(text):
        return _shown_url(address[1], address[2])
    return text if not text or is_name(text) or _is_version(text) or NUMERIC.fullmatch(text) else MASK


def shown_reference(text: str) -> str:
    """Return a reference to a variable; behind its prefix a secret may have been pasted."""
    name = text.removeprefix(REFERENCE)
    return text if is_variable(name) else REFERENCE + MASK


def is_variable(name: str) -> bool:
    """Whether ``name`` reads as the name of a variable."""
    return bool(VARIABLE.fullmatch(name)) and is_name(name)


def is_name(text: str) -> bool:
    """Whether ``text`` reads as a name: words that can be pronounced or are known, and short numbers."""
    if not NAME.fullmatch(text) or CREDENTIAL.search(text):
        return False
    runs = [RUN.findall(part) for part in PARTS.split(text)]
    flat = [run for part in runs for run in part]
    digits = [run for run in flat if run.isdigit()]
    pairs = [run for run in flat if len(run) == PAIR and text.islower() and not digits]
    return (
        len(digits) < len(flat)
        and all(run in pairs or _reads(run) for run in flat)
        and len(pairs) <= MOST_PAIRS
        and sum(map(len, digits)) <= MOST_DIGITS
        and sum(len(run) == 1 for run in flat if run.isalpha()) <= MOST_LETTERS
        and all(len(part) <= MOST_RUNS and sum(map(len, part)) <= LONGEST_PART for part in runs)
        and sum(map(len, flat)) <= LONGEST_NAME
    )


def _is_word(run: str, *, slips: bool = True) -> bool:
    if run.isdigit():
        return len(run) <= LONGEST_NUMBER // 2
    word = run.lower()
    if word in WORDS:
        return True
    return slips and LETTERS_OF_A_SLIP <= len(word) <= LONGEST_WORD and not NEAR.isdisjoint({word, *_shorter(word)})


def _reads(run: str) -> bool:
    if run.isdigit():
        return len(run) <= LONGEST_NUMBER
    if run.lower() in WORDS or len(run) == 1:
        return True
    length = SHORTEST_WORD <= len(run) <= LONGEST_WORD
    return length and bool(VOWEL.search(run)) and not UNPRONOUNCEABLE.search(run)


def _shown_url(scheme: str, rest: str) -> str:
    login, at, rest = rest.rpartition("@")
    rest, _, fragment = rest.partition("#")
    rest, _, query = rest.partition("?")
    host, slash, path = rest.partition("/")
    before = shown_login(scheme, login) + at
    after = f"?{shown_query(query)}" if query else ""
    return f"{scheme}://{before}{_shown_host(host)}{slash}{shown_path(path)}{after}{'#' + MASK if fragment else ''}"


def shown_login(scheme: str, login: str) -> str:
    """Return what stands before the host in an address as it may be shown: the user, where that is no token."""
    user, colon, _ = login.partition(":")
    named = is_name(user) and (colon or not scheme.lower().endswith(TOKEN))
    return (user if named else MASK if user else "") + (f":{MASK}" if colon else "")


def shown_path(path: str) -> str:
    """Return the path of an address as it may be shown: parts that read as names, or as versions."""
    return "/".join(part if not part or is_name(part) or _is_version(part) else MASK for part in path.split("/"))


def shown_query(query: str) -> str:
    """Return the query of an address as it may be shown."""
    return "&".join(map(shown_parameter, query.split("&")))


def shown_parameter(text: str) -> str:
    """Return a parameter of a query, ``name=value``, as it may be shown."""
    name, equals, value = text.partition("=")
    if not equals:
        return MASK if text else ""
    harmless = is_harmless(name) and (not value or value.isdigit() or _is_version(value) or is_name(value))
    return f"{shown_key(name)}={value if harmless else MASK}"


def _is_version(text: str) -> bool:
    """Whether ``text`` is a version or a date."""
    return len(text) <= LONGEST_NUMBER + 2 and bool(re.fullmatch(r"[0-9]+([.-][0-9]+)*", text))


def _shown_host(host: str) -> str:
    return host if not host or is_name(host) or NUMERIC.fullmatch(host) else MASK


def unquoted(message: str) -> str:
    """Return the message of a YAML library without what it quotes: a password that begins with ``!`` is a tag there.

    Terms of YAML's own stay. From the first other quotation mark to the last all is left out, whatever stands between.
    """
    terms = BRACKETED.sub(lambda found: f"\0{found[1]}\0", message)
    marks = [at for at, letter in enumerate(terms) if letter in "'\"`"]
    if marks:
        terms = f"{terms[: marks[0]]}'{MASK}'{terms[marks[-1] + 1 :] if len(marks) > 1 else ''}"
    return terms.replace("\0", "'")
