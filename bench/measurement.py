"""One load on one contender for a stretch of time, and what it cost whom."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from bench.processes import children_on, cpu_seconds, machine_busy_seconds, resident_bytes
from bench.request_log import Window, read_window

_STARTED_WITHIN = 20.0  # seconds
_ENDED_WITHIN = 20.0  # seconds after its time
_POLL = 0.002  # seconds
_MARGIN = 0.1  # seconds that a load goes on after what counts
_TRIES = 5  # where the machine was too busy to look at the clocks in time


@dataclass(frozen=True, slots=True)
class Timing:
    """How long each stretch is, and what comes before it and does not count; in seconds."""

    seconds: float
    warm_up: float

    @property
    def whole(self) -> float:
        """For how long the load is on."""
        return self.warm_up + self.seconds + _MARGIN


class Load(Protocol):
    """A program that asks and keeps a log (``request_log``)."""

    def command(self, folder: Path, seconds: float) -> tuple[list[str], Path]:
        """Return the command line, and the log that it writes into the folder."""

    def wrong(self, printed: str) -> int:
        """Return how many answers were wrong by what it printed in the end."""


class Cost(msgspec.Struct, frozen=True):
    """What one process took of the machine."""

    cpu_seconds: float
    resident_bytes: int  # at the end


class Stretch(msgspec.Struct, frozen=True):
    """What was seen while a load was on."""

    answers: int
    seconds: float
    p50: float  # seconds, as those below
    p99: float
    p999: float
    costs: Mapping[str, Cost]  # by the name that the process was watched under
    load_cpu_share: float  # of one core: near 1 means that the load was the limit
    others_cpu_share: float  # of one core, by everything else on the machine

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds

    def cpu_per_answer(self, name: str) -> float:
        """Return the CPU seconds that a watched process spent on each answer."""
        return self.costs[name].cpu_seconds / self.answers


class WrongAnswersError(Exception):
    """A contender did not answer as it should: its figures would mean nothing."""


async def measure(
    load: Load, *, watched: Mapping[str, int], cores: set[int], timing: Timing
) -> Stretch:
    """Put a load on; return what it and the watched processes (ids by name) did.

    Raises:
        WrongAnswersError: At least one answer was not the right one.
        RuntimeError: The load did not run.
    """
    for _ in range(_TRIES):
        with suppress(_OversleptError):
            return await _measure(load, watched, cores, timing)
    raise RuntimeError("the machine is too busy to measure anything")


class _OversleptError(Exception):
    """Others had the machine for too long: the load got nothing of it, or ended meanwhile."""


async def _measure(
    load: Load, watched: Mapping[str, int], cores: set[int], timing: Timing
) -> Stretch:
    with tempfile.TemporaryDirectory(prefix="bench-load-") as folder:
        argv, log = load.command(Path(folder), timing.whole)
        async with _running(argv, cores) as process:
            await _begun(log, process)
            await asyncio.sleep(timing.warm_up)
            before = _Reading.of(process, watched)
            await asyncio.sleep(timing.seconds)
            after = _Reading.of(process, watched)
            printed = await _ended(process)
        with log.open() as lines:
            window = read_window(lines, begin=before.time, end=after.time)
    if window is None:
        raise _OversleptError
    if wrong := window.wrong + load.wrong(printed):
        raise WrongAnswersError(f"{wrong} wrong answers")
    return _stretch(window, before, after, watched)


@asynccontextmanager
async def _running(
    argv: Sequence[str], cores: set[int]
) -> AsyncIterator[asyncio.subprocess.Process]:
    with children_on(cores):
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _begun(log: Path, process: asyncio.subprocess.Process) -> None:
    """Return when the first answer is there."""
    deadline = time.monotonic() + _STARTED_WITHIN
    while not _has_text(log):
        if process.returncode is not None or time.monotonic() > deadline:
            raise RuntimeError("the load got no answer")
        await asyncio.sleep(_POLL)


def _has_text(log: Path) -> bool:
    return log.exists() and log.stat().st_size > 0


async def _ended(process: asyncio.subprocess.Process) -> str:
    async with asyncio.timeout(_ENDED_WITHIN):
        printed, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the load failed: {printed.decode()[-500:]}")
    return printed.decode()


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the clocks and counters say at one moment."""

    time: float
    machine: float
    load: float
    costs: Mapping[str, Cost]

    @classmethod
    def of(cls, load: asyncio.subprocess.Process, watched: Mapping[str, int]) -> "_Reading":
        try:
            load_cpu = cpu_seconds(load.pid)
        except OSError:
            raise _OversleptError from None
        return cls(
            time=time.time(),
            machine=machine_busy_seconds(),
            load=load_cpu,
            costs={
                name: Cost(cpu_seconds=cpu_seconds(pid), resident_bytes=resident_bytes(pid))
                for name, pid in watched.items()
            },
        )


def _stretch(
    window: Window, before: _Reading, after: _Reading, watched: Mapping[str, int]
) -> Stretch:
    seconds = after.time - before.time
    costs = {
        name: Cost(
            cpu_seconds=after.costs[name].cpu_seconds - before.costs[name].cpu_seconds,
            resident_bytes=after.costs[name].resident_bytes,
        )
        for name in watched
    }
    load = after.load - before.load
    ours = load + sum(cost.cpu_seconds for cost in costs.values())
    return Stretch(
        answers=window.answers,
        seconds=seconds,
        p50=window.latencies.p50,
        p99=window.latencies.p99,
        p999=window.latencies.p999,
        costs=costs,
        load_cpu_share=load / seconds,
        others_cpu_share=max(0.0, after.machine - before.machine - ours) / seconds,
    )


class Summary(msgspec.Struct, frozen=True):
    """The medians over the rounds of one contender; ``None`` where a process takes no part."""

    rate: float  # answers a second
    p50_ms: float
    p99_ms: float
    p999_ms: float
    load_cpu_share: float
    others_cpu_share: float
    cpu_us: Mapping[str, float]  # of each watched process for one answer
    resident_mb: Mapping[str, float]


def summarize(stretches: Sequence[Stretch]) -> Summary:
    """Return the medians of one contender's rounds."""
    median = statistics.median
    watched = stretches[0].costs
    return Summary(
        rate=median(seen.rate for seen in stretches),
        p50_ms=median(seen.p50 for seen in stretches) * 1e3,
        p99_ms=median(seen.p99 for seen in stretches) * 1e3,
        p999_ms=median(seen.p999 for seen in stretches) * 1e3,
        load_cpu_share=median(seen.load_cpu_share for seen in stretches),
        others_cpu_share=median(seen.others_cpu_share for seen in stretches),
        cpu_us={
            name: median(seen.cpu_per_answer(name) for seen in stretches) * 1e6 for name in watched
        },
        resident_mb={
            name: median(seen.costs[name].resident_bytes for seen in stretches) / 2**20
            for name in watched
        },
    )
