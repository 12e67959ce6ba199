"""One process is kept: restarted with growing pauses, replaced when it hangs."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.keeper import Keeper, Pace
from sidecar.telemetry import ProcessCounters
from tests.deadline import eventually
from tests.fakes.processes import is_alive
from tests.fakes.stage import COMMAND, Stage, spec_of

NEVER = 1e9  # seconds


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


class Pauses:
    """Takes the pauses instead of making them."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, float]] = []

    def __call__(self, least: float, most: float) -> float:
        self.taken.append((least, most))
        return 0.0


@asynccontextmanager
async def kept(
    stage: Stage, *, pace: Pace, pauses: Pauses | None = None, command: tuple[str, ...] = COMMAND
) -> AsyncIterator[Keeper]:
    keeper = Keeper(
        spec_of("authsvc-0", stage.directory),
        counters=ProcessCounters(stage.directory),
        command=command,
        pace=pace,
        jitter=pauses or Pauses(),
    )
    keeping = asyncio.create_task(keeper.keep())
    try:
        yield keeper
    finally:
        keeper.kill()
        await keeping


async def killed_while_serving(stage: Stage, keeper: Keeper, *, life: int) -> None:
    await eventually(lambda: keeper.report and len(stage.pids("authsvc-0")) == life, "it to serve")
    os.kill(stage.pids("authsvc-0")[-1], signal.SIGKILL)


@pytest.mark.parametrize(
    ("failures", "pause"), [(1, 0.25), (2, 0.5), (3, 1.0), (7, 16.0), (8, 30.0), (100_000, 30.0)]
)
def test_pauses_double_up_to_a_limit(failures: int, pause: float) -> None:
    assert Pace().pause(failures) == pause


async def test_each_failure_makes_the_next_pause_longer(stage: Stage) -> None:
    stage.play("authsvc-0", exit=1)
    pauses = Pauses()
    async with kept(stage, pace=Pace(first_pause=1, longest_pause=3), pauses=pauses):
        await eventually(lambda: len(pauses.taken) >= 4, "four failures")
    assert pauses.taken[:4] == [(0.5, 1), (1, 2), (1.5, 3), (1.5, 3)]


async def test_a_process_that_was_healthy_starts_with_the_first_pause_again(stage: Stage) -> None:
    pauses = Pauses()
    async with kept(stage, pace=Pace(first_pause=1, healthy_after=0), pauses=pauses) as keeper:
        await killed_while_serving(stage, keeper, life=1)
        await killed_while_serving(stage, keeper, life=2)
        await eventually(lambda: len(pauses.taken) == 2, "both failures")
    assert pauses.taken == [(0.5, 1), (0.5, 1)]


async def test_a_process_that_was_not_healthy_for_long_enough_does_not(stage: Stage) -> None:
    pauses = Pauses()
    pace = Pace(first_pause=1, healthy_after=NEVER)
    async with kept(stage, pace=pace, pauses=pauses) as keeper:
        await killed_while_serving(stage, keeper, life=1)
        await killed_while_serving(stage, keeper, life=2)
        await eventually(lambda: len(pauses.taken) == 2, "both failures")
    assert pauses.taken == [(0.5, 1), (1, 2)]


async def test_a_process_that_falls_silent_is_first_stale_then_replaced(stage: Stage) -> None:
    stage.play("authsvc-0", hang_after=1)
    pace = Pace(stale_after=0.2, silent_after=2.5)
    async with kept(stage, pace=pace) as keeper:
        await eventually(lambda: keeper.report, "its first word")
        await eventually(lambda: keeper.report and keeper.is_stale, "it to be stale")
        stage.play("authsvc-0")
        await eventually(lambda: len(stage.pids("authsvc-0")) == 2, "another process")
        assert not is_alive(stage.pids("authsvc-0")[0])


async def test_a_process_that_talks_nonsense_is_ended(stage: Stage) -> None:
    script = "import os, sys, time; os.write(int(sys.argv[1]), b'nonsense\\n'); time.sleep(3600)"
    pauses = Pauses()
    command = (COMMAND[0], "-c", script)
    async with kept(stage, pace=Pace(), pauses=pauses, command=command):
        await eventually(lambda: len(pauses.taken) >= 2, "its end, twice")


async def test_a_program_that_cannot_be_started_is_tried_again(stage: Stage) -> None:
    pauses = Pauses()
    async with kept(stage, pace=Pace(), pauses=pauses, command=("/nowhere/at/all",)):
        await eventually(lambda: len(pauses.taken) >= 2, "two attempts")
