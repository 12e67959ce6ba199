"""A blind index depends on the key and on the index key, and tells neither."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.blind_index import BlindIndex

INDEX_KEY = bytes(range(32))


@given(st.binary(min_size=1))
def test_a_digest_is_hmac_sha256_under_the_index_key_with_a_domain_before_it(key: bytes) -> None:
    expected = hmac.digest(INDEX_KEY, b"tollkeeper/blind-index/v1\x00" + key, hashlib.sha256)
    assert BlindIndex(INDEX_KEY).digest(key) == expected


def test_digesting_one_key_does_not_change_what_the_next_one_gives() -> None:
    index = BlindIndex(INDEX_KEY)
    first = index.digest(b"a")
    index.digest(b"b")
    assert index.digest(b"a") == first


def test_another_index_key_gives_another_digest() -> None:
    assert BlindIndex(INDEX_KEY).digest(b"key") != BlindIndex(bytes(32)).digest(b"key")


@given(st.binary(max_size=64).filter(lambda key: len(key) != 32))
def test_an_index_key_of_another_length_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        BlindIndex(key)


def test_an_index_does_not_show_its_key() -> None:
    assert repr(BlindIndex(INDEX_KEY)) == "BlindIndex('***')"
