"""The recovery key: an RSA pair of which only the public half is ever configured.

What is encrypted to it comes back without the root key, for whoever has the private half.  A key
is encrypted alone (RSA-OAEP with SHA-256, bound to its purpose and id); a whole ring by a fresh
AES-256-GCM key that is encrypted so: ``{"k": that key, "n": nonce, "d": ciphertext and tag}``.
"""

import base64
import binascii
import hashlib
import json
import secrets
from typing import Any

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from authsvc.errors import RecoveryKeyError
from authsvc.keyring import length_prefixed

_SMALLEST = 2048  # bits
_LARGEST = 8192  # bits: what is longer costs seconds
_KEY_LENGTH = 32  # bytes
_NONCE_LENGTH = 12  # bytes
_FINGERPRINT_LENGTH = 8  # bytes: tells pairs apart, proves nothing
_RING = b"tollkeeper/exported-ring/v1"
_NOT_OURS = "it was not encrypted to this key, or not by Tollkeeper"


class RecoveryKey:
    """The public half."""

    __slots__ = ("_key", "fingerprint")

    def __init__(self, key: RSAPublicKey) -> None:
        self._key = key
        encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.fingerprint = hashlib.sha256(encoded).digest()[:_FINGERPRINT_LENGTH]

    @classmethod
    def from_pem(cls, text: str) -> "RecoveryKey":
        """Read a public key.

        Raises:
            RecoveryKeyError: It is anything else than an RSA public key of 2048 to 8192 bits.
        """
        try:
            key = load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, RSAPublicKey) or not _SMALLEST <= key.key_size <= _LARGEST:
            raise RecoveryKeyError("expected an RSA public key of 2048 to 8192 bits, as PEM")
        return cls(key)

    def seal_key(self, key: bytes, *, purpose: str, key_id: str) -> bytes:
        """Encrypt one key of the ring."""
        return self.fingerprint + self._key.encrypt(key, _padding(_label(purpose, key_id)))

    def has_sealed(self, copy: bytes | None) -> bool:
        """Tell whether a stored copy says that it was encrypted to this pair."""
        return copy is not None and copy[:_FINGERPRINT_LENGTH] == self.fingerprint

    def seal_ring(self, content: bytes) -> str:
        """Encrypt an exported ring; return base64 text."""
        key, nonce = secrets.token_bytes(_KEY_LENGTH), secrets.token_bytes(_NONCE_LENGTH)
        parts = {
            "k": self._key.encrypt(key, _padding(_RING)),
            "n": nonce,
            "d": AESGCM(key).encrypt(nonce, content, _RING),
        }
        blob = {name: base64.b64encode(part).decode() for name, part in parts.items()}
        return base64.b64encode(json.dumps(blob).encode()).decode()


class RecoveryPrivateKey:
    """The private half, for as long as a recovery takes."""

    __slots__ = ("_key",)

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    @classmethod
    def from_pem(cls, text: str) -> "RecoveryPrivateKey":
        """Read a private key. Takes milliseconds to tenths of a second.

        Raises:
            RecoveryKeyError: It is anything else than an RSA private key without a passphrase.
        """
        try:
            key = load_pem_private_key(text.encode("utf-8", "replace"), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, RSAPrivateKey) or not _SMALLEST <= key.key_size <= _LARGEST:
            raise RecoveryKeyError(
                "expected an RSA private key of 2048 to 8192 bits, as PEM without a passphrase"
            )
        return cls(key)

    def open_key(self, copy: bytes, *, purpose: str, key_id: str) -> bytes:
        """Decrypt one key of the ring.

        Raises:
            RecoveryKeyError: It was encrypted to another pair, or for another place.
        """
        try:
            return self._key.decrypt(copy[_FINGERPRINT_LENGTH:], _padding(_label(purpose, key_id)))
        except ValueError:
            raise RecoveryKeyError(_NOT_OURS) from None

    def open_ring(self, text: str) -> bytes:
        """Decrypt an exported ring.

        Raises:
            RecoveryKeyError: It is malformed, or was encrypted to another pair.
        """
        try:
            blob: Any = json.loads(base64.b64decode(text, validate=True))
            k, n, d = (base64.b64decode(blob[name], validate=True) for name in ("k", "n", "d"))
            return AESGCM(self._key.decrypt(k, _padding(_RING))).decrypt(n, d, _RING)
        except (binascii.Error, ValueError, KeyError, TypeError, RecursionError, InvalidTag):
            raise RecoveryKeyError(_NOT_OURS) from None

    def __repr__(self) -> str:
        return "RecoveryPrivateKey('***')"


def _label(purpose: str, key_id: str) -> bytes:
    return length_prefixed(b"tollkeeper/recovery/v1", purpose.encode(), key_id.encode())


def _padding(label: bytes) -> OAEP:
    return OAEP(mgf=MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=label)
