"""Sealed keys: only the pair opens them, in one spelling, and no error shows them."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.apikey import ApiKey
from authsvc.errors import SealedKeyError
from authsvc.sealed_key import SealingPrivateKeys, SealingPublicKey, generate_pair, is_sealed
from tests.fakes.ring import recovery_pair

PUBLIC, PRIVATE = generate_pair()
ANOTHER_PUBLIC, ANOTHER_PRIVATE = generate_pair()
SEALER = SealingPublicKey.from_pem(PUBLIC)
OPENER = SealingPrivateKeys.from_pem(PRIVATE)
KEY = ApiKey.from_text("canary-4711")
# Sealed by the first version: what was written once must open for ever.
OLD_PRIVATE = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VuBCIEILiitgyQjuj5Q18vHi3IduIDIvZjnJi0ODKdyeGe3NNM
-----END PRIVATE KEY-----
"""
OLD = (
    "sealed:v1:mPpPvIhNaUU:mfu9krwWC3WX-WKyDZ-yON3zxxvfYCiOS4tGGjXGZQd4HDs-7mHdfHGGUpM7PCpi9SSVW9"
    "f1dvfclMbRdYWgymhV_3ZYdT_X1oWvm1Iq0EkUT0WScXXTzQ"
)


def why(text: str, opener: SealingPrivateKeys = OPENER) -> str:
    with pytest.raises(SealedKeyError) as caught:
        opener.open(text)
    assert "canary" not in str(caught.value)
    assert text not in str(caught.value)
    return str(caught.value)


@given(st.binary(min_size=1, max_size=4096))
def test_a_sealed_key_opens_to_what_it_was(content: bytes) -> None:
    sealed = SEALER.seal(ApiKey(content))
    assert is_sealed(sealed)
    assert OPENER.open(sealed) == ApiKey(content)


def test_a_key_is_sealed_in_another_way_each_time() -> None:
    assert SEALER.seal(KEY) != SEALER.seal(KEY)


def test_what_the_first_version_sealed_opens() -> None:
    assert SealingPrivateKeys.from_pem(OLD_PRIVATE).open(OLD) == ApiKey(b"hello" * 8)


def test_another_pair_does_not_open_it_and_is_told_so() -> None:
    assert "another pair" in why(SEALER.seal(KEY), SealingPrivateKeys.from_pem(ANOTHER_PRIVATE))


def test_several_private_keys_open_what_was_sealed_for_any_of_them() -> None:
    both = SealingPrivateKeys.from_pem(f"the new one\n{PRIVATE}\n{ANOTHER_PRIVATE}")
    for public in (PUBLIC, ANOTHER_PUBLIC):
        assert both.open(SealingPublicKey.from_pem(public).seal(KEY)) == KEY


def test_no_character_can_be_changed() -> None:
    sealed = SEALER.seal(KEY)
    letters = string.ascii_letters + string.digits + "-_"
    for at in range(len("sealed:v1:"), len(sealed)):
        for other in (letters[(letters.find(sealed[at]) + 1) % 64], "=", "\n", "é"):
            why(f"{sealed[:at]}{other}{sealed[at + 1 :]}")


MALFORMED = {
    "nothing behind the version": "sealed:v1:",
    "no sealed bytes": "sealed:v1:mPpPvIhNaUU:",
    "too few sealed bytes": f"sealed:v1:mPpPvIhNaUU:{'A' * 64}",
    "another version": OLD.replace("v1", "v2"),
    "padding": f"{OLD}==",
    "white space around it": f" {OLD}",
    "far too long": f"sealed:v1:mPpPvIhNaUU:{'A' * 100_000}",
    "no sealed key": "canary-4711",
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_does_not_open(text: str) -> None:
    why(text, SealingPrivateKeys.from_pem(OLD_PRIVATE))


@given(st.text(max_size=200))
def test_any_text_is_refused_in_the_same_way(text: str) -> None:
    why(f"sealed:v1:{text}")


NO_KEYS = {
    "nothing": "",
    "no PEM": "canary",
    "an RSA key": recovery_pair()[1],
    "a public key": PUBLIC,
    "half a key": PRIVATE[:60],
    "a key and half of another": PRIVATE + ANOTHER_PRIVATE[:60],
    "a key and one of another kind": PRIVATE + recovery_pair()[1],
}


@pytest.mark.parametrize("text", NO_KEYS.values(), ids=NO_KEYS.keys())
def test_anything_but_private_keys_is_refused(text: str) -> None:
    with pytest.raises(SealedKeyError, match="expected X25519 private keys"):
        SealingPrivateKeys.from_pem(text)


@pytest.mark.parametrize("text", ["", "canary", recovery_pair()[0], PRIVATE, "\ud800"])
def test_anything_but_a_public_key_is_refused(text: str) -> None:
    with pytest.raises(SealedKeyError, match="expected an X25519 public key"):
        SealingPublicKey.from_pem(text)


def test_private_keys_do_not_show() -> None:
    assert repr(OPENER) == "SealingPrivateKeys('***')"
