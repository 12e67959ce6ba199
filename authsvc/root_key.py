"""The root key wraps the keyring; it is never in the database.

A wrapped key is ``0x01 || nonce (12) || ciphertext || tag (16)`` under AES-256-GCM, bound to its
purpose and id, so that a data key cannot be passed off as an index key.
"""

import base64
import binascii
import contextlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from authsvc.errors import RootKeyError
from authsvc.keyring import length_prefixed

_VERSION = b"\x01"
_NONCE_LENGTH = 12
_KEY_LENGTH = 32  # bytes


class RootKey:
    """32 bytes that open everything; hides itself."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        """Take the key's bytes.

        Raises:
            RootKeyError: There are not 32 of them.
        """
        if len(key) != _KEY_LENGTH:
            raise RootKeyError("the root key must be 32 bytes, base64-encoded")
        self._cipher = AESGCM(key)

    @classmethod
    def from_base64(cls, text: str) -> "RootKey":
        """Read the key as it stands in a file: standard base64 of 32 bytes, one spelling only.

        Raises:
            RootKeyError: It is anything else.
        """
        stripped = text.strip()
        try:
            key = base64.b64decode(stripped, validate=True)
        except (binascii.Error, ValueError):
            raise RootKeyError("the root key must be 32 bytes, base64-encoded") from None
        if base64.b64encode(key).decode() != stripped:
            raise RootKeyError("the root key must be 32 bytes, base64-encoded")
        return cls(key)

    @staticmethod
    def generate_base64() -> str:
        """Return a new random root key, as it should stand in a file."""
        return base64.b64encode(secrets.token_bytes(_KEY_LENGTH)).decode()

    def wrap(self, key: bytes, *, purpose: str, key_id: str) -> bytes:
        """Encrypt a key for storing."""
        nonce = secrets.token_bytes(_NONCE_LENGTH)
        return _VERSION + nonce + self._cipher.encrypt(nonce, key, _context(purpose, key_id))

    def unwrap(self, wrapped: bytes, *, purpose: str, key_id: str) -> bytes:
        """Decrypt a stored key.

        Raises:
            RootKeyError: This root key did not wrap it for this purpose and id.
        """
        version, rest = wrapped[:1], wrapped[1:]
        nonce, sealed = rest[:_NONCE_LENGTH], rest[_NONCE_LENGTH:]
        if version == _VERSION:
            with contextlib.suppress(InvalidTag, ValueError):
                return self._cipher.decrypt(nonce, sealed, _context(purpose, key_id))
        raise RootKeyError("the root key does not open this database's keyring: it is another key")

    def __repr__(self) -> str:
        return "RootKey('***')"


def _context(purpose: str, key_id: str) -> bytes:
    return length_prefixed(b"tollkeeper/wrapped", _VERSION, purpose.encode(), key_id.encode())
