import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.backoff import Backoff, pause

ALMOST_ONE = 1 - 2**-53


def test_the_longest_delay_doubles_up_to_a_cap() -> None:
    backoff = Backoff(first=1, longest=10, chance=lambda: 1)
    delays = [backoff.after_failure(failures, None) for failures in (1, 2, 3, 4, 5, 6, 1000)]
    assert delays == [1, 2, 4, 8, 10, 10, 10]


@given(st.integers(1, 10**6), st.floats(0, ALMOST_ONE))
def test_jitter_is_over_the_whole_range(failures: int, chance: float) -> None:
    longest = Backoff(chance=lambda: 1).after_failure(failures, None)
    assert longest <= 30
    assert Backoff(chance=lambda: chance).after_failure(failures, None) == longest * chance


@pytest.mark.parametrize("chance", [0.0, ALMOST_ONE])
def test_what_the_collector_asks_for_is_kept_to(chance: float) -> None:
    backoff = Backoff(first=1, chance=lambda: chance)
    assert 3 <= backoff.after_failure(20, 3.0) <= 4
    assert backoff.after_failure(1, float("inf")) <= backoff.longest_asked + 1


@given(st.floats(0, ALMOST_ONE))
def test_probes_are_slow(chance: float) -> None:
    assert 45 <= Backoff(chance=lambda: chance).until_probe() <= 75


async def test_a_pause_may_be_cut_short() -> None:
    hurry = asyncio.Event()
    waiting = asyncio.create_task(pause(3600, hurry))
    await asyncio.sleep(0)
    assert not waiting.done()
    hurry.set()
    async with asyncio.timeout(10):
        await waiting


async def test_a_pause_ends_by_itself() -> None:
    started = time.monotonic()
    await pause(0.02, asyncio.Event())
    assert time.monotonic() - started >= 0.015
