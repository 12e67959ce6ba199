"""Seals what the spool keeps on disk: AES-256-GCM under a key of the spool's own.

Every run of the program seals under a key that nobody used before, derived from the spool's key
and a random salt which travels with each record.  Nonces are then a mere count: no two records
share key and nonce, however often the program starts, or is killed while it writes.
"""

import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_LENGTH = 32  # bytes
SALT_LENGTH = 16  # bytes
TAG_LENGTH = 16  # bytes: a sealed text is so much longer
_PURPOSE = b"tollkeeper spool record 1"
_NONCE_LENGTH = 12


class SpoolCipher:
    """Seals and opens the records of one spool; those of another do not open.

    Args:
        key: The key of all spools, ``KEY_LENGTH`` random bytes.
        name: Which spool.
    """

    def __init__(self, key: bytes, name: str) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError(f"the key must have {KEY_LENGTH} bytes")
        self._key = key
        self._name = name.encode()
        self.salt = secrets.token_bytes(SALT_LENGTH)
        self._sealer = self._derive(self.salt)
        self._opener = (self.salt, self._sealer)  # the last that was needed

    def seal(self, text: bytes, count: int, associated: bytes) -> bytes:
        """Seal a text under this run's salt; a count may be used once only."""
        return self._sealer.encrypt(_nonce(count), text, associated)

    def open(self, sealed: bytes, salt: bytes, count: int, associated: bytes) -> bytes | None:
        """Return the text, or None: it is not as it was sealed."""
        if self._opener[0] != salt:
            self._opener = (salt, self._derive(salt))
        try:
            return self._opener[1].decrypt(_nonce(count), sealed, associated)
        except InvalidTag:
            return None

    def _derive(self, salt: bytes) -> AESGCM:
        return AESGCM(hmac.digest(self._key, _PURPOSE + salt + self._name, "sha256"))


def _nonce(count: int) -> bytes:
    return count.to_bytes(_NONCE_LENGTH, "big")
