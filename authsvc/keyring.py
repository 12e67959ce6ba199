"""Data keys in memory: one seals, any opens.

What callers can rely on:

1. A sealed value opens only for the row, consumer and column that it was sealed for.
2. The key is chosen by the id inside the value; no other key is ever tried.
3. Every failure to open is one ``KeyringError`` with one text.

Sealed form, version 1: ``0x01 || key id (8 ASCII bytes) || nonce (12) || ciphertext || tag (16)``.
"""

import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authsvc.errors import KeyringError

_VERSION = b"\x01"
_KEY_ID_LENGTH = 8
_NONCE_LENGTH = 12
_TAG_LENGTH = 16
_HEAD_LENGTH = 1 + _KEY_ID_LENGTH + _NONCE_LENGTH
DATA_KEY_LENGTH = 32  # bytes: AES-256


@dataclass(frozen=True, slots=True)
class Binding:
    """The place that a sealed value belongs to; authenticated with it, stored beside it."""

    table: str
    column: str
    row_id: str
    consumer_id: str


def generate_key_id() -> str:
    """Return a new random key id: 8 letters and digits, as Kong's."""
    alphabet = string.ascii_letters + string.digits
    return "".join(secrets.choice(alphabet) for _ in range(_KEY_ID_LENGTH))


def is_key_id(text: str) -> bool:
    """Tell whether a text is 8 ASCII letters and digits."""
    return len(text) == _KEY_ID_LENGTH and text.isascii() and text.isalnum()


def generate_key() -> bytes:
    """Return 32 new random bytes, for a data key or an index key."""
    return secrets.token_bytes(DATA_KEY_LENGTH)


def length_prefixed(*parts: bytes) -> bytes:
    """Join parts so that no two different lists of parts give the same bytes."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Keyring:
    """The data keys that a process holds."""

    __slots__ = ("_active", "_ciphers")

    def __init__(self, keys: Mapping[str, bytes], *, active: str) -> None:
        """Take the keys by id, and the id of the one that seals.

        Raises:
            ValueError: An id or a key has the wrong length, or ``active`` is not among the keys.
        """
        if active not in keys:
            raise ValueError("the active key is not on the ring")
        for key_id, key in keys.items():
            if len(key_id.encode()) != _KEY_ID_LENGTH or len(key) != DATA_KEY_LENGTH:
                raise ValueError("a key id has 8 bytes and a data key 32")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._active = active

    @property
    def active(self) -> str:
        """The id of the key that seals."""
        return self._active

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all keys on the ring."""
        return frozenset(self._ciphers)

    def seal(self, plaintext: bytes, binding: Binding) -> bytes:
        """Encrypt under the active key, bound to its place."""
        # Random 96-bit nonces are safe here up to 2^32 values under one key (NIST SP 800-38D);
        # rotation comes long before.
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        sealed = self._ciphers[self._active].encrypt(
            nonce, plaintext, _associated_data(binding, self._active)
        )
        return _VERSION + self._active.encode() + nonce + sealed

    def open(self, sealed: bytes, binding: Binding) -> bytes:
        """Decrypt a value sealed for this very place.

        Raises:
            KeyringError: For every reason alike.
        """
        try:
            key_id = key_id_of(sealed)
            nonce = sealed[1 + _KEY_ID_LENGTH : _HEAD_LENGTH]
            return self._ciphers[key_id].decrypt(
                nonce, sealed[_HEAD_LENGTH:], _associated_data(binding, key_id)
            )
        except (InvalidTag, KeyError):
            raise KeyringError from None

    def needs_rotation(self, sealed: bytes) -> bool:
        """Tell whether the value was sealed under a key other than the active one.

        Raises:
            KeyringError: It is not a sealed value at all.
        """
        return key_id_of(sealed) != self._active

    def __repr__(self) -> str:
        return f"Keyring({len(self._ciphers)} keys, active {self._active!r})"


def key_id_of(sealed: bytes) -> str:
    """Return the id of the key that a value claims to be sealed under.

    Raises:
        KeyringError: It is not a sealed value of a version known here.
    """
    if sealed[:1] != _VERSION or len(sealed) < _HEAD_LENGTH + _TAG_LENGTH:
        raise KeyringError
    try:
        return sealed[1 : 1 + _KEY_ID_LENGTH].decode("ascii")
    except UnicodeDecodeError:
        raise KeyringError from None


def _associated_data(binding: Binding, key_id: str) -> bytes:
    parts = (binding.table, binding.column, binding.row_id, binding.consumer_id, key_id)
    return length_prefixed(b"tollkeeper/sealed", _VERSION, *(part.encode() for part in parts))
