"""A sealed value opens where it was sealed, whole, under its own key, and nowhere else."""

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import KeyringError
from authsvc.keyring import (
    Binding,
    Keyring,
    generate_key,
    generate_key_id,
    key_id_of,
    length_prefixed,
)

PLACE = Binding(table="credentials", column="key", row_id="row-1", consumer_id="alice")
PLAINTEXT = b"planted-key-7f3a"
OLD, NEW = ("oldkey01", bytes(range(32))), ("newkey02", bytes(range(32, 64)))

RING = Keyring(dict([OLD]), active=OLD[0])
SEALED = RING.seal(PLAINTEXT, PLACE)

ELSEWHERE = {
    "another table": replace(PLACE, table="plugins"),
    "another column": replace(PLACE, column="secret"),
    "another row": replace(PLACE, row_id="row-2"),
    "another consumer": replace(PLACE, consumer_id="bob"),
    "the border between two parts moved": replace(PLACE, row_id="row-1a", consumer_id="lice"),
    "two parts exchanged": replace(PLACE, row_id="alice", consumer_id="row-1"),
}

RINGS = {
    "the same ring": (Keyring(dict([OLD]), active=OLD[0]), True),
    "a ring that rotated and still holds the key": (Keyring(dict([OLD, NEW]), active=NEW[0]), True),
    "a ring without the key": (Keyring(dict([NEW]), active=NEW[0]), False),
    "another key under the same id": (Keyring({OLD[0]: NEW[1]}, active=OLD[0]), False),
    "the key under another id": (Keyring({NEW[0]: OLD[1]}, active=NEW[0]), False),
}


def expect_refusal(value: bytes) -> None:
    """See that a value does not open, and that nothing tells which check failed."""
    with pytest.raises(KeyringError) as raised:
        RING.open(value, PLACE)
    assert str(raised.value) == "a sealed value could not be opened"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_what_was_sealed_opens_in_its_place() -> None:
    assert RING.open(SEALED, PLACE) == PLAINTEXT


def test_a_sealed_value_does_not_show_what_is_in_it() -> None:
    assert PLAINTEXT not in SEALED
    assert RING.seal(PLAINTEXT, PLACE) != SEALED


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_value_does_not_open_in(name: str) -> None:
    with pytest.raises(KeyringError):
        RING.open(SEALED, ELSEWHERE[name])


@pytest.mark.parametrize("name", RINGS)
def test_a_value_opens_only_with_its_own_key_by_its_own_id(name: str) -> None:
    ring, opens = RINGS[name]
    if opens:
        assert ring.open(SEALED, PLACE) == PLAINTEXT
    else:
        with pytest.raises(KeyringError):
            ring.open(SEALED, PLACE)


def test_a_value_with_any_bit_flipped_does_not_open() -> None:
    for bit in range(len(SEALED) * 8):
        flipped = bytearray(SEALED)
        flipped[bit // 8] ^= 1 << bit % 8
        expect_refusal(bytes(flipped))


def test_a_value_of_any_other_length_does_not_open() -> None:
    for length in range(len(SEALED)):
        with pytest.raises(KeyringError):
            RING.open(SEALED[:length], PLACE)
    with pytest.raises(KeyringError):
        RING.open(SEALED + b"\x00", PLACE)


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_row_fails_in_one_and_the_same_way(value: bytes) -> None:
    expect_refusal(value)


@given(st.binary(max_size=200))
def test_whether_it_needs_rotation_is_answered_or_refused_likewise(value: bytes) -> None:
    with suppress(KeyringError):
        RING.needs_rotation(value)


def test_a_value_needs_rotation_once_another_key_seals() -> None:
    rotated = Keyring(dict([OLD, NEW]), active=NEW[0])
    assert rotated.needs_rotation(SEALED)
    assert not rotated.needs_rotation(rotated.seal(PLAINTEXT, PLACE))
    assert key_id_of(SEALED) == OLD[0]


REFUSED = {
    "an active key that is not there": ({OLD[0]: OLD[1]}, NEW[0]),
    "no key at all": ({}, OLD[0]),
    "a short id": ({"short": OLD[1]}, "short"),
    "an id of 8 characters and more bytes": ({"schlüsse": OLD[1]}, "schlüsse"),
    "a short key": ({OLD[0]: OLD[1][:16]}, OLD[0]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_ring_is_refused_with(name: str) -> None:
    keys, active = REFUSED[name]
    with pytest.raises(ValueError, match="key"):
        Keyring(keys, active=active)


def test_a_ring_shows_ids_and_no_key() -> None:
    assert repr(RING) == "Keyring(1 keys, active 'oldkey01')"
    assert RING.ids == {OLD[0]}
    assert RING.active == OLD[0]


def test_made_keys_and_ids_have_the_right_size_and_differ() -> None:
    assert len({generate_key() for _ in range(100)}) == 100
    assert {len(generate_key()) for _ in range(10)} == {32}
    ids = {generate_key_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 8 and each.isalnum() and each.isascii() for each in ids)


@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_different_parts_never_join_to_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (length_prefixed(*one) == length_prefixed(*other)) == (one == other)
