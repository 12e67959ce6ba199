"""Numbers as Lua reads them."""

import pytest

from sidecar.admin.numerals import parse_number

NUMBERS = {
    "10": 10,
    " 7 ": 7,
    "1e2": 100,
    "0x10": 16,
    "-3": -3,
    "5.0": 5,
    ".5": 0.5,
    "1.25": 1.25,
    "": None,
    "x": None,
    "1 2": None,
    "٣": None,
    "0x": None,
    "nan": None,
    "inf": None,
    "1e999": None,
    "9" * 5000: None,
}


@pytest.mark.parametrize(("text", "number"), NUMBERS.items(), ids=[name[:9] for name in NUMBERS])
def test_reads_what_lua_reads_and_nothing_that_is_not_finite(
    text: str, number: float | None
) -> None:
    assert parse_number(text) == number


def test_whole_numbers_are_ints() -> None:
    assert isinstance(parse_number("1e2"), int)
