"""API keys as texts that may lie in a repository: only the deployment that they are for opens them.

A declarative file holds ``sealed:v1:…`` where it would hold a key.  Anybody who has the public key
can make such a text, and nobody can read it without the private one; so a sealed key says nothing
of who wrote it: what may stand in the file is for the repository to guard.

What callers can rely on:

1. The scheme is HPKE (RFC 9180, base mode): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and
   ChaCha20-Poly1305. Purpose and version are bound to it, so that nothing else that was encrypted
   to the same pair opens as a key.
2. A text is read in one spelling only, and opened by the pair that it names, or not at all.
3. No error holds a key, sealed or not.

The form: ``sealed:v1:<pair>:<sealed>``, the pair's fingerprint and the sealed bytes (32 of the
encapsulated key, then the ciphertext with its tag) in base64url without padding.
"""

import base64
import binascii
import hashlib
import re

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from authsvc.apikey import ApiKey
from authsvc.errors import SealedKeyError

MARK = "sealed:"
"""What a sealed key begins with, whatever its version; no key in clear may."""

_PREFIX = f"{MARK}v1:"
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
_INFO = b"tollkeeper/sealed-key/v1"
_FINGERPRINT_LENGTH = 8  # bytes: tells pairs apart, proves nothing
_OVERHEAD = 32 + 16  # bytes: the encapsulated key, the tag
_LONGEST = 8192  # characters: a key has 4096 bytes at most
_NO_PRIVATE_KEYS = "expected X25519 private keys, as PEM without a passphrase"
_PEM_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.+?-----END \1-----", re.DOTALL)


def is_sealed(text: str) -> bool:
    """Tell whether a text means to be a sealed key, of whatever version."""
    return text.startswith(MARK)


class SealingPublicKey:
    """The half that seals; it is no secret."""

    __slots__ = ("_key", "fingerprint")

    def __init__(self, key: X25519PublicKey) -> None:
        self._key = key
        self.fingerprint = hashlib.sha256(key.public_bytes_raw()).digest()[:_FINGERPRINT_LENGTH]

    @classmethod
    def from_pem(cls, text: str) -> "SealingPublicKey":
        """Read a public key.

        Raises:
            SealedKeyError: It is anything else than an X25519 public key.
        """
        try:
            key = load_pem_public_key(text.encode("utf-8", "replace"))
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, X25519PublicKey):
            raise SealedKeyError("expected an X25519 public key, as PEM")
        return cls(key)

    def seal(self, key: ApiKey) -> str:
        """Return a key as a text that only the private half opens; another one each time."""
        sealed = _SUITE.encrypt(key.reveal(), self._key, _INFO)
        return f"{_PREFIX}{_encode(self.fingerprint)}:{_encode(sealed)}"


class SealingPrivateKeys:
    """The halves that open: several, while files that were sealed for an older pair are around."""

    __slots__ = ("_keys",)

    def __init__(self, *keys: X25519PrivateKey) -> None:
        self._keys = {SealingPublicKey(key.public_key()).fingerprint: key for key in keys}

    @classmethod
    def from_pem(cls, text: str) -> "SealingPrivateKeys":
        """Read one private key or several, one after the other.

        Raises:
            SealedKeyError: One is anything else than an X25519 private key without a passphrase.
        """
        rest = _PEM_BLOCK.sub("", text)
        blocks = [found[0] for found in _PEM_BLOCK.finditer(text)]
        if not blocks or "-----" in rest:
            raise SealedKeyError(_NO_PRIVATE_KEYS)
        return cls(*map(_private_key, blocks))

    def open(self, text: str) -> ApiKey:
        """Return the key that a text was made of.

        Raises:
            SealedKeyError: It was sealed for a pair that is not here, was changed, or is no
                sealed key at all.
        """
        fingerprint, sealed = _parsed(text)
        key = self._keys.get(fingerprint)
        if key is None:
            raise SealedKeyError("it was sealed for another pair of keys")
        try:
            return ApiKey(_SUITE.decrypt(sealed, key, _INFO))
        except (InvalidTag, ValueError):
            raise SealedKeyError("it does not open: it was changed since it was sealed") from None

    def __repr__(self) -> str:
        return "SealingPrivateKeys('***')"


def generate_pair() -> tuple[str, str]:
    """Make a pair; return the public and the private key as PEM."""
    key = X25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return public.decode(), private.decode()


def _private_key(block: str) -> X25519PrivateKey:
    try:
        key = load_pem_private_key(block.encode("utf-8", "replace"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, X25519PrivateKey):
        raise SealedKeyError(_NO_PRIVATE_KEYS)
    return key


def _parsed(text: str) -> tuple[bytes, bytes]:
    if not text.startswith(_PREFIX):
        raise SealedKeyError(f"it is no sealed key of a version that is known here ({_PREFIX}…)")
    if len(text) > _LONGEST:
        raise _malformed()
    name, _, content = text.removeprefix(_PREFIX).partition(":")
    fingerprint, sealed = _decode(name), _decode(content)
    if len(fingerprint) != _FINGERPRINT_LENGTH or len(sealed) <= _OVERHEAD:
        raise _malformed()
    return fingerprint, sealed


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _decode(text: str) -> bytes:
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _malformed() from None
    if _encode(content) != text:  # spare bits: there is one spelling
        raise _malformed()
    return content


def _malformed() -> SealedKeyError:
    return SealedKeyError("it is not complete, or not as it was written")
