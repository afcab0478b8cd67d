"""What must be read again but not lie open in the database: sealed with a key that is not in it.

AES-256-GCM. What is sealed names its key by four bytes, so that a new key can come while an older
one still opens, and is bound to its place: moved to another row it does not open.
"""

import hashlib
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.errors import MusterError

LEAST_KEY_CHARACTERS = 32
_LEAST_KINDS = 10
_NAME_BYTES = 4
_NONCE_BYTES = 12


class SealBroken(MusterError):
    """What was sealed cannot be opened: another key, another place, or it was changed."""

    code = "seal_broken"


class Sealing:
    """Seals with the first of `keys`, opens with any of them."""

    def __init__(self, keys: Sequence[str]) -> None:
        derived = [hashlib.sha256(b"muster sealing\0" + key.encode()).digest() for key in keys]
        self._keys = {hashlib.sha256(key).digest()[:_NAME_BYTES]: AESGCM(key) for key in derived}
        self._first = next(iter(self._keys))

    def seal(self, plain: bytes, place: str) -> bytes:
        """`plain`, to be opened at the same `place` only (table and row)."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._keys[self._first].encrypt(nonce, plain, place.encode())
        return self._first + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """What was sealed at `place`; SealBroken when none of the keys opens it there."""
        name, rest = sealed[:_NAME_BYTES], sealed[_NAME_BYTES:]
        try:
            return self._keys[name].decrypt(
                rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], place.encode()
            )
        except (KeyError, InvalidTag, ValueError) as error:
            raise SealBroken from error


def keys_of(text: str) -> list[str]:
    """The keys in a setting's text, the present one first; ValueError for one that is no secret."""
    keys = text.split()
    if not keys:
        raise ValueError("holds no key")
    for key in keys:
        if len(key) < LEAST_KEY_CHARACTERS or len(set(key)) < _LEAST_KINDS:
            raise ValueError(f"must be {LEAST_KEY_CHARACTERS} random characters or more")
    return keys
