"""Secrets that a process knows of, and their removal from whatever it prints."""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

MASK = "***"
SECRET_NAME = re.compile(
    r"(key|secret|password|passwd|passphrase|passcode|pwd|token|credential|salt|authorization|cookie|private|dsn|webhook"
    r"|connection_string|bearer|jwt|sas(_|$)|signature|pem(_|$)|service_account|pass(?![_-]?through)(?![a-z])"
    r"|auth(?![a-z]))",
    re.IGNORECASE,
)
"""Names of variables that hold secrets."""
PLAIN_NAME = re.compile(
    r".*(_tokens|_key_name|_key_id|_(file|path|dir)|auth_(type|mode|method))$|OLDPWD$|PWD$|S3_CONFIG_KEY$"
    r"|CONFIG_S3_KEY$|key_management_.*",
    re.IGNORECASE,
)
"""Names that look like these and are of counts, identifiers, files and directories."""
LOGIN = re.compile(r"(\w+)://(\S*)@")
TOKEN = ("http", "https")
"""Schemes of addresses in which a user without a password is a token."""
SHORTEST = 4
SURELY_SECRET = 6
"""From this length on a secret is masked inside of words too; a shorter one would mask ordinary words."""


def secrets_of_environment(environment: Mapping[str, str]) -> frozenset[str]:
    """Return the values of variables with a secret's name, and the passwords of addresses in all others."""
    found = {text for name, text in environment.items() if _is_secret_name(name) and "://" not in text}
    for text in environment.values():
        for scheme, login in LOGIN.findall(text):
            user, colon, password = login.partition(":")
            secret = password if colon else user if scheme.lower() in TOKEN else ""
            found |= {secret, unquote(secret)}
    return frozenset(text for text in found if len(text) >= SHORTEST)


def redact(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with every one of ``secrets`` masked, longest first; very short ones only as whole words."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret in text:
            edge = "" if len(secret) >= SURELY_SECRET else r"\b"
            text = re.sub(edge + re.escape(secret) + edge, MASK, text)
    return text


def _is_secret_name(name: str) -> bool:
    return bool(SECRET_NAME.search(name)) and not PLAIN_NAME.match(name)
