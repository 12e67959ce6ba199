"""A root key is read in one spelling, and opens only what it wrapped, for what it wrapped it."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.errors import RootKeyError
from authsvc.root_key import RootKey

BYTES = bytes(range(224, 256))  # has both characters that base64 and base64url differ in
TEXT = base64.b64encode(BYTES).decode()
DATA_KEY = bytes(range(32))

READ = {"as it is": TEXT, "with a line end": TEXT + "\n", "with blanks around": f"  {TEXT}\r\n"}

NOT_READ = {
    "nothing": "",
    "a short key": base64.b64encode(BYTES[:31]).decode(),
    "a long key": base64.b64encode(BYTES + b"x").decode(),
    "no padding": TEXT.rstrip("="),
    "more padding": TEXT + "=",
    "the URL alphabet": base64.urlsafe_b64encode(BYTES).decode(),
    "hexadecimal": BYTES.hex(),
    "a blank inside": f"{TEXT[:10]} {TEXT[10:]}",
    "a line end inside": f"{TEXT[:10]}\n{TEXT[10:]}",
    "spare bits that are set": TEXT[:-2] + "9=",
    "other text after it": TEXT + "\n" + TEXT,
    "no base64": "not a key at all, but as long as one ....",
    "other scripts": "٣" * 44,
}


@pytest.mark.parametrize("name", READ)
def test_a_root_key_is_read(name: str) -> None:
    wrapped = RootKey(BYTES).wrap(DATA_KEY, purpose="data", key_id="key00001")
    opened = RootKey.from_base64(READ[name]).unwrap(wrapped, purpose="data", key_id="key00001")
    assert opened == DATA_KEY


@pytest.mark.parametrize("name", NOT_READ)
def test_anything_else_is_refused_with_one_text_that_does_not_show_it(name: str) -> None:
    with pytest.raises(RootKeyError) as raised:
        RootKey.from_base64(NOT_READ[name])
    assert str(raised.value) == "the root key must be 32 bytes, base64-encoded"
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(RootKeyError):
        RootKey.from_base64(text)


def test_a_generated_key_can_be_read_and_is_another_each_time() -> None:
    texts = {RootKey.generate_base64() for _ in range(100)}
    assert len(texts) == 100
    for text in texts:
        RootKey.from_base64(text)


WRAPPED = RootKey(BYTES).wrap(DATA_KEY, purpose="data", key_id="key00001")

OTHERWISE = {
    "another root key": (RootKey(bytes(32)), "data", "key00001"),
    "another purpose": (RootKey(BYTES), "index", "key00001"),
    "another id": (RootKey(BYTES), "data", "key00002"),
    "the border between purpose and id moved": (RootKey(BYTES), "datak", "ey00001"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_wrapped_key_does_not_open_with(name: str) -> None:
    root_key, purpose, key_id = OTHERWISE[name]
    with pytest.raises(RootKeyError, match="another key"):
        root_key.unwrap(WRAPPED, purpose=purpose, key_id=key_id)


def test_a_wrapped_key_with_any_bit_flipped_or_any_byte_less_does_not_open() -> None:
    damaged = [WRAPPED[:length] for length in range(len(WRAPPED))]
    for bit in range(len(WRAPPED) * 8):
        flipped = bytearray(WRAPPED)
        flipped[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(flipped))
    for wrapped in damaged:
        with pytest.raises(RootKeyError):
            RootKey(BYTES).unwrap(wrapped, purpose="data", key_id="key00001")


def test_a_root_key_does_not_show_itself() -> None:
    assert repr(RootKey(BYTES)) == "RootKey('***')"
    assert DATA_KEY not in WRAPPED
