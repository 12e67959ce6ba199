"""Processes that are measured: started, placed on cores, watched, and never left behind."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sidecar.telemetry import DIRECTORY_VARIABLE

# The load has a core of its own where there are two: it must not take what the servers need.
SERVER_CORE = 0
LOAD_CORE = 1

ROOT = Path(__file__).resolve().parents[1]

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
_STOPPED_WITHIN = 30.0  # seconds, then it is killed


@dataclass(frozen=True, slots=True)
class Server:
    """A contender that listens."""

    name: str
    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Command:
    """How a contender is started: a module and its arguments.

    ``packages`` is a folder in which another build of the product's packages lies.
    """

    module: str
    arguments: tuple[str, ...] = ()
    packages: Path | None = None


@contextmanager
def started(name: str, module: str, *arguments: str) -> Iterator[Server]:
    """Run a contender until the block ends; it prints its port when it listens.

    It ends when its standard input does, so it also ends with this process, however that ends.

    Raises:
        RuntimeError: It did not start.
    """
    with started_together({name: Command(module, arguments)}) as servers:
        yield servers[name]


@contextmanager
def started_together(commands: Mapping[str, Command]) -> Iterator[dict[str, Server]]:
    """Run several contenders, by name, as ``started`` does one."""
    with ExitStack() as running:
        launched = {
            name: running.enter_context(_launched(command)) for name, command in commands.items()
        }
        yield {name: _announced(name, process) for name, process in launched.items()}


@contextmanager
def _launched(command: Command) -> Iterator[subprocess.Popen[str]]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-metrics-") as metrics,
        subprocess.Popen(
            [sys.executable, "-m", command.module, *command.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # `-m` looks in the working directory first: there the packages are found.
            cwd=command.packages or ROOT,
            env=os.environ | {DIRECTORY_VARIABLE: metrics, "PYTHONPATH": str(ROOT)},
        ) as process,
    ):
        try:
            yield process
        finally:
            try:
                process.communicate(timeout=_STOPPED_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()


def _announced(name: str, process: subprocess.Popen[str]) -> Server:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise RuntimeError(f"{name} did not start")
    return Server(name, process.pid, int(line))


def pin_to(place: int) -> None:
    """Keep this process on one of the cores it may use, if there are two or more."""
    os.sched_setaffinity(0, cores_of(place))


def cores_of(place: int) -> set[int]:
    """Return the core at a place among those that this process may use; all if there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    return {cores[place % len(cores)]} if len(cores) > 1 else set(cores)


@contextmanager
def children_on(cores: set[int]) -> Iterator[None]:
    """Let what is started within run on these cores only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def move(pid: int, cores: set[int]) -> None:
    """Let a process, with all of its threads, run on these cores only."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread may end meanwhile
            os.sched_setaffinity(int(task.name), cores)


def cpu_seconds(pid: int) -> float:
    """Return the user and system time that a process has used, all threads together.

    From the kernel's own clock of the process (clock_getcpuclockid(3)), which knows nanoseconds:
    /proc counts in ticks of 10 ms, of which a fast server uses few.

    Raises:
        OSError: There is no such process.
    """
    return time.clock_gettime(~pid << 3 | 2)


def machine_busy_seconds() -> float:
    """Return for how long the machine's cores were not idle, all together, since it started."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / _TICKS


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
