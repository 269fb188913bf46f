"""Sealing payloads: a configuration may hold keys, and a database has many readers.

AES-256-GCM (NIST SP 800-38D). A sealed payload is ``E``, four bytes that name the key, a random nonce of twelve bytes,
and the ciphertext. The fleet's name and the revision's digest are bound to it, so that a payload moved to another row
does not open. The first key of the ring seals and every key opens: put the new key first, let every replica have it,
and drop the old key when no revision needs it.
"""

import hashlib
import secrets
from dataclasses import dataclass, field

from routeiq_syncd.revision.manifest import Manifest
from routeiq_syncd.revision.payload import Unreadable

SEALED = b"E"
NAME_BYTES = 4
NONCE_BYTES = 12


@dataclass(frozen=True)
class Ring:
    """The keys, 32 bytes each, newest first; without keys nothing is sealed."""

    keys: tuple[bytes, ...] = field(default=(), repr=False)

    def close(self, payload: bytes, context: bytes) -> bytes:
        """Return the payload sealed and bound to ``context``; as it is where there is no key."""
        if not self.keys:
            return payload
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - its memory is paid on use

        key, nonce = self.keys[0], secrets.token_bytes(NONCE_BYTES)
        return SEALED + _name(key) + nonce + AESGCM(key).encrypt(nonce, payload, context)

    def open(self, payload: bytes, context: bytes, manifest: Manifest) -> bytes | Unreadable:
        """Return the payload opened, as it is where it was never sealed; or why no key opens it.

        Without any key what is sealed does not count as lost: publishing it anew would store it unsealed.
        """
        if payload[:1] != SEALED:
            return payload
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - as above

        name, rest = payload[1 : 1 + NAME_BYTES], payload[1 + NAME_BYTES :]
        for key in self.keys:
            if _name(key) == name:
                try:
                    return AESGCM(key).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], context)
                except (InvalidTag, ValueError):
                    reason = f"Revision {manifest.number} in the database was tampered with: its seal does not open."
                    return Unreadable(reason, lost=True)
        reason = f"Revision {manifest.number} is encrypted, and ROUTEIQ_CONFIG_KEY does not hold its key; add it."
        return Unreadable(reason, lost=bool(self.keys))


def context_of(lock_name: str, digest: str) -> bytes:
    """Return the bytes that a seal is bound to."""
    return f"{lock_name}\0{digest}".encode()


def _name(key: bytes) -> bytes:
    return hashlib.sha256(b"routeiq config key\0" + key).digest()[:NAME_BYTES]
