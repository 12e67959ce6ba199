"""What is encrypted to a recovery key opens with its private half, and only in its place."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from authsvc.errors import RecoveryKeyError
from authsvc.recovery_key import RecoveryKey, RecoveryPrivateKey
from tests.fakes.ring import recovery_pair

PUBLIC, PRIVATE = recovery_pair()
FOREIGN_PUBLIC, FOREIGN_PRIVATE = recovery_pair(1)
KEY = bytes(range(32))
WHERE = {"purpose": "data", "key_id": "AbCd1234"}


def test_a_key_comes_back_in_its_place_alone() -> None:
    copy = RecoveryKey.from_pem(PUBLIC).seal_key(KEY, **WHERE)
    private = RecoveryPrivateKey.from_pem(PRIVATE)
    assert private.open_key(copy, **WHERE) == KEY
    for moved in ({"purpose": "index"}, {"key_id": "AbCd1235"}):
        with pytest.raises(RecoveryKeyError):
            private.open_key(copy, **{**WHERE, **moved})
    with pytest.raises(RecoveryKeyError):
        RecoveryPrivateKey.from_pem(FOREIGN_PRIVATE).open_key(copy, **WHERE)


def test_a_copy_says_which_pair_it_is_for() -> None:
    ours, foreign = RecoveryKey.from_pem(PUBLIC), RecoveryKey.from_pem(FOREIGN_PUBLIC)
    copy = ours.seal_key(KEY, **WHERE)
    assert ours.has_sealed(copy)
    assert not foreign.has_sealed(copy)
    assert not ours.has_sealed(None)


def test_a_ring_that_was_changed_anywhere_does_not_open() -> None:
    private = RecoveryPrivateKey.from_pem(PRIVATE)
    exported = RecoveryKey.from_pem(PUBLIC).seal_ring(b"the ring")
    assert private.open_ring(exported) == b"the ring"
    blob = json.loads(base64.b64decode(exported))
    assert len(base64.b64decode(blob["n"])) == 12
    for name in blob:
        part = bytearray(base64.b64decode(blob[name]))
        part[-1] ^= 1
        changed = {**blob, name: base64.b64encode(part).decode()}
        with pytest.raises(RecoveryKeyError):
            private.open_ring(base64.b64encode(json.dumps(changed).encode()).decode())


@pytest.mark.parametrize("text", ["", "canary", "e30=", "W10=", "bnVsbA==", "é", "eyJrIjoxfQ=="])
def test_what_is_no_exported_ring_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(RecoveryKeyError) as caught:
        RecoveryPrivateKey.from_pem(PRIVATE).open_ring(text)
    assert "canary" not in str(caught.value)


def _pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey, passphrase: bytes = b"") -> str:
    how = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how).decode()


def test_only_rsa_of_a_safe_length_without_a_passphrase_is_taken() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
    other = ed25519.Ed25519PrivateKey.generate()
    ours = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for pem in (_pem(short), _pem(other), _pem(ours, b"canary"), PUBLIC, "", "canary"):
        with pytest.raises(RecoveryKeyError):
            RecoveryPrivateKey.from_pem(pem)
    form = (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    publics = [key.public_key().public_bytes(*form).decode() for key in (short, other)]
    for pem in (*publics, PRIVATE, "", "canary"):
        with pytest.raises(RecoveryKeyError):
            RecoveryKey.from_pem(pem)


def test_a_private_key_does_not_show_itself() -> None:
    assert repr(RecoveryPrivateKey.from_pem(PRIVATE)) == "RecoveryPrivateKey('***')"
