"""Processes that are measured: started, pinned, watched through /proc, and never left behind."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sidecar.telemetry import DIRECTORY_VARIABLE

# The load has a core of its own where there are two: it must not take what the servers need.
SERVER_CORE = 0
LOAD_CORE = 1

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Server:
    """A contender that listens."""

    name: str
    pid: int
    port: int


@contextmanager
def started(name: str, module: str, *arguments: str) -> Iterator[Server]:
    """Run a contender until the block ends; it prints its port when it listens.

    It ends when its standard input does, so it also ends with this process, however that ends.
    """
    with (
        tempfile.TemporaryDirectory(prefix="bench-metrics-") as metrics,
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {DIRECTORY_VARIABLE: metrics},
        ) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            if not line:
                raise RuntimeError(f"{name} did not start")
            yield Server(name, process.pid, int(line))
        finally:
            process.communicate(timeout=30)


def pin_to(place: int) -> None:
    """Keep this process on one of the cores it may use, if there are two or more."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[place % len(cores)]})


def cpu_seconds(pid: int) -> float:
    """Return the user and system time that a process has used, all threads together."""
    # The name in parentheses may hold blanks; utime and stime are fields 14 and 15 of all.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def resident_bytes(pid: int) -> int:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
