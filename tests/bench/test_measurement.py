"""A load is put on, what it did is counted, and whoever answers wrongly ends the bench."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

import pytest

from bench.measurement import Timing, WrongAnswersError, measure
from bench.scenes import Scene, Trial, play

TIMING = Timing(seconds=0.2, warm_up=0.05)
CORES = frozenset(os.sched_getaffinity(0))

# Says each millisecond that an answer took 2 ms, until its time is over.
ASKS = """\
import sys, time
log, status, seconds = open(sys.argv[1], "w"), sys.argv[2], float(sys.argv[3])
end = time.time() + seconds
while (now := time.time()) < end:
    print(int(now * 1e6) - 2000, status, 2000, sep="\\t", file=log, flush=True)
    time.sleep(0.001)
"""
IDLES = "import sys; sys.stdin.read()"


@dataclass
class Asking:
    """A load that asks nobody; ``runs`` is told of each time."""

    program: str = ASKS
    status: str = "200"
    wrong_in_all: int = 0
    name: str = ""
    runs: list[str] = field(default_factory=list)

    def command(self, folder: Path, seconds: float) -> tuple[list[str], Path]:
        self.runs.append(self.name)
        log = folder / "log"
        return [sys.executable, "-c", self.program, str(log), self.status, str(seconds)], log

    def wrong(self, printed: str) -> int:
        assert not printed
        return self.wrong_in_all


@contextmanager
def running(program: str) -> Iterator[int]:
    """Run a program that ends with its standard input; yield its id."""
    with Popen([sys.executable, "-c", program], stdin=-1) as process:
        yield process.pid
        process.communicate()


async def test_what_is_answered_and_what_it_costs_is_counted() -> None:
    with running(IDLES) as pid:
        seen = await measure(Asking(), watched={"server": pid}, cores=set(CORES), timing=TIMING)

    assert seen.seconds >= 0.2
    assert 1 <= seen.answers <= seen.seconds * 1000
    assert (seen.p50, seen.p999) == (0.002, 0.002)
    assert seen.rate == seen.answers / seen.seconds
    assert 0 <= seen.costs["server"].cpu_seconds < seen.seconds
    assert seen.costs["server"].resident_bytes > 1_000_000
    assert 0 < seen.load_cpu_share <= 1


WRONG = {
    "by its log": Asking(status="503"),
    "by what it says in the end": Asking(wrong_in_all=1),
}


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_answer_ends_it_and_says_whose_it_was(name: str) -> None:
    scene = Scene("scene", "A scene", {"somebody": Trial(WRONG[name], {}, CORES)})

    with pytest.raises(WrongAnswersError, match=r"somebody \(A scene\): \d+ wrong answers"):
        await play([scene], rounds=1, timing=TIMING, tell=[].append)


async def test_a_load_that_gets_no_answer_ends_it() -> None:
    scene = Scene("scene", "A scene", {"somebody": Trial(Asking(program="pass"), {}, CORES)})

    with pytest.raises(RuntimeError, match=r"somebody \(A scene\): the load got no answer"):
        await play([scene], rounds=1, timing=TIMING, tell=[].append)


async def test_the_order_is_reversed_every_round() -> None:
    runs: list[str] = []
    trials = {name: Trial(Asking(name=name, runs=runs), {}, CORES) for name in "abc"}

    seen = await play(
        [Scene("scene", "A scene", trials)],
        rounds=3,
        timing=Timing(seconds=0.05, warm_up=0.0),
        tell=[].append,
    )

    # What the machine was too busy for was tried again.
    assert [run for run, before in zip(runs, ["", *runs], strict=False) if run != before] == [
        *"abc",
        *"ba",
        *"bc",
    ]
    assert {name: len(rounds) for name, rounds in seen["scene"].items()} == dict.fromkeys("abc", 3)
