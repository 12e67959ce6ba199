"""Claims about keys with a prefix and a checksum."""

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from authsvc.apikey import ApiKey
from authsvc.prefixed_key import SCANNER_PATTERN, cannot_be_valid, generate

# Written down when the format was decided: it must stay valid for ever.
GOLDEN = "tk_live_" + "0" * 43 + "1LvK2B"


def test_a_generated_key_is_found_by_the_scanners_pattern_and_is_valid() -> None:
    key = generate()
    assert re.fullmatch(SCANNER_PATTERN, key.reveal().decode())
    assert not cannot_be_valid(key)


def test_no_two_generated_keys_are_equal() -> None:
    assert len({generate().reveal() for _ in range(1000)}) == 1000


def test_the_format_does_not_change() -> None:
    assert not cannot_be_valid(ApiKey.from_text(GOLDEN))


@given(st.integers(8, 56), st.sampled_from(string.ascii_letters + string.digits))
def test_one_changed_character_is_noticed(position: int, character: str) -> None:
    changed = GOLDEN[:position] + character + GOLDEN[position + 1 :]
    assert cannot_be_valid(ApiKey.from_text(changed)) == (changed != GOLDEN)


@given(st.binary(min_size=1))
def test_keys_of_other_formats_are_left_to_the_look_up(value: bytes) -> None:
    assert cannot_be_valid(ApiKey(value)) == value.startswith(b"tk_live_")


def test_a_shortened_key_cannot_be_valid() -> None:
    assert cannot_be_valid(ApiKey.from_text(GOLDEN[:-1]))
