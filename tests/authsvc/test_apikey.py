"""An API key hides itself, and equals only the same bytes."""

from collections.abc import Callable

import pytest

from authsvc.apikey import ApiKey

KEY = "planted-key-7f3a"

SHOWN: dict[str, Callable[[ApiKey], str]] = {
    "repr": repr,
    "str": str,
    "f-string": lambda key: f"{key}",
    "percent": lambda key: "%s %r" % (key, key),  # noqa: UP031 - as loggers do it
    "in a tuple": lambda key: str((key,)),
    "in an exception": lambda key: str(ValueError(key)),
}


@pytest.mark.parametrize("way", SHOWN)
def test_a_key_does_not_show_itself(way: str) -> None:
    shown = SHOWN[way](ApiKey.from_text(KEY))
    assert KEY not in shown
    assert "***" in shown


def test_reveal_returns_the_bytes_that_were_presented() -> None:
    assert ApiKey(b"\xff\x00x").reveal() == b"\xff\x00x"
    assert ApiKey.from_text("schlüssel").reveal() == "schlüssel".encode()


def test_keys_are_equal_when_every_byte_is() -> None:
    key = ApiKey.from_text(KEY)
    assert key == ApiKey(KEY.encode())
    assert key != ApiKey.from_text(KEY + "x")
    assert key != ApiKey.from_text(KEY[:-1])
    assert key != ApiKey.from_text(KEY.upper())
    assert key != KEY
    assert key != KEY.encode()


def test_a_key_cannot_become_the_key_of_a_dict() -> None:
    with pytest.raises(TypeError):
        hash(ApiKey.from_text(KEY))


def test_an_empty_key_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        ApiKey(b"")


def test_generated_keys_are_32_letters_and_digits_and_differ() -> None:
    keys = {ApiKey.generate().reveal() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) == 32 and key.isalnum() and key.isascii() for key in keys)
    assert len(set(b"".join(keys))) == 62
