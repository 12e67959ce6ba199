"""Claims about counting checks in plain numbers."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.check_tally import CheckTally

BOUNDS = (0.001, 0.01, 0.1)


def nothing() -> None:
    """Do nothing."""


@given(st.lists(st.floats(0, 1) | st.sampled_from(BOUNDS)))
def test_each_check_is_in_the_bucket_of_its_duration(durations: list[float]) -> None:
    tally = CheckTally(BOUNDS, wake=nothing)
    for seconds in durations:
        tally.add(seconds)

    counts, seconds = tally.take()

    places = [bisect_left(BOUNDS, each) for each in durations]
    assert counts == [places.count(place) for place in range(4)]
    assert seconds == pytest.approx(sum(durations))


def test_what_was_taken_is_not_counted_again() -> None:
    tally = CheckTally(BOUNDS, wake=nothing)
    tally.add(0.5)
    tally.take()

    assert tally.take() == ([0, 0, 0, 0], 0.0)


def test_without_bounds_all_are_in_one_bucket() -> None:
    tally = CheckTally((), wake=nothing)
    tally.add(0.0)
    tally.add(0.5)

    assert tally.take() == ([2], 0.5)


def test_who_takes_is_told_of_the_first_check_alone() -> None:
    told: list[None] = []
    tally = CheckTally(BOUNDS, wake=lambda: told.append(None))
    tally.add(0.5)
    tally.add(0.5)
    assert len(told) == 1

    tally.take()
    tally.add(0.5)

    assert len(told) == 2
