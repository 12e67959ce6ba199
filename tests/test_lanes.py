"""The lanes in which the suites run side by side."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.deadline import eventually
from tests.lanes import UNWATCHED, Lane, all_lanes, run

ROOT = Path(__file__).resolve().parents[1]
# Two lanes that say when they have cleaned up after an interrupt.
STOPPED = """
import signal, sys
from tests.lanes import Lane, end_by, run
program = '''
import pathlib, sys, time
try:
    pathlib.Path(sys.argv[1], "began").touch()
    time.sleep(100)
except KeyboardInterrupt:
    pathlib.Path(sys.argv[1], "cleaned").touch()
'''
signal.signal(signal.SIGTERM, end_by)
run([Lane(path, [sys.executable, "-c", program, path]) for path in sys.argv[1:]])
"""


def a_lane(name: str, *, status: int) -> Lane:
    program = f"print('was here'); raise SystemExit({status})"
    return Lane(name, [sys.executable, "-c", program])


@pytest.mark.parametrize("statuses", [(0, 0), (1, 0), (0, 2), (5, 1)])
def test_all_is_well_only_if_every_lane_is(
    statuses: tuple[int, int], capfd: pytest.CaptureFixture[str]
) -> None:
    outcome = run([a_lane("first", status=statuses[0]), a_lane("last", status=statuses[1])])

    assert (outcome == 0) is (statuses == (0, 0))
    shown = capfd.readouterr().out.splitlines()
    assert sorted(shown) == ["[first] was here", "[last] was here"]


def test_what_one_lane_names_the_last_one_leaves_out_and_nothing_else() -> None:
    named, rest = (set(lane.command) for lane in all_lanes(["--durations=5"]))

    assert set(UNWATCHED) <= named
    assert {word for word in rest if word.startswith("--ignore")} == {
        f"--ignore={path}" for path in UNWATCHED
    }
    assert "--durations=5" in named & rest
    assert [path for path in UNWATCHED if not (ROOT / path).exists()] == []


async def test_asked_to_stop_it_waits_until_the_lanes_have_cleaned_up(tmp_path: Path) -> None:
    places = [tmp_path / "one", tmp_path / "two"]
    for place in places:
        place.mkdir()
    command = [sys.executable, "-c", STOPPED, *map(str, places)]
    running = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    await eventually(lambda: all((place / "began").exists() for place in places), "the lanes")
    running.send_signal(signal.SIGTERM)

    assert await running.wait() == 128 + signal.SIGTERM
    assert all((place / "cleaned").exists() for place in places)
