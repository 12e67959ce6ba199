"""What a check takes is held to what it took."""

import sys

import msgspec
import pytest

from bench.instructions import COMPILED_BUILD, EXPECTED, LIMITS, PLAIN, Expected, judge

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
BEFORE = Expected(HERE, {PLAIN: 100_000})


@pytest.mark.parametrize("seen", [50_000, 100_000, 110_000])
def test_as_much_as_before_or_a_tenth_more_will_do(seen: int) -> None:
    assert judge({PLAIN: seen}, BEFORE) == []


def test_more_than_that_is_said() -> None:
    (line,) = judge({PLAIN: 110_001}, BEFORE)

    assert line.startswith("plain: 110,001 instructions a check")


def test_what_was_not_measured_before_is_held_to_nothing() -> None:
    assert judge({COMPILED_BUILD: 10**9}, BEFORE) == []
    assert judge({PLAIN: 10**9}, Expected("3.0", {PLAIN: 1})) == []


def test_what_is_written_down_is_below_the_goals() -> None:
    written = msgspec.json.decode(EXPECTED.read_bytes(), type=Expected).instructions

    assert written.keys() == LIMITS.keys()
    assert all(written[build] <= LIMITS[build] for build in LIMITS)
