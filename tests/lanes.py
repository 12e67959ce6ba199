"""Runs every suite, in two lanes side by side: ``python -m tests.lanes [ARGUMENTS OF PYTEST]``.

What callers can rely on:

1. Every test runs in one lane: the last lane has all that no other names.
2. It ends with 0 only if every lane does.
3. Asked to stop, it has the lanes clean up behind themselves first.

Tests of whole processes mostly wait, for those. Coverage, which takes its time, sees nothing of
what those run, nor of what is only read: it watches the other lane.
"""

import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Thread
from types import FrameType
from typing import IO, NoReturn

# Where whole products or a compiler are started, or files are read. As long in all as the rest.
UNWATCHED = (
    "tests/e2e",
    "tests/conformance/test_kong_access.py",
    "tests/conformance/test_kong_access_edge.py",
    "tests/sidecar/cli/test_run.py",
    "tests/test_compiled_build.py",
    "tests/test_documentation.py",
    "tests/test_house_rules.py",
)


_LAST_WORDS = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Lane:
    """A command, and what its lines are marked with."""

    name: str
    command: Sequence[str]


def all_lanes(arguments: Sequence[str] = ()) -> tuple[Lane, ...]:
    """Return the lanes that have all suites; pytest gets the arguments in each."""
    pytest = ("-m", "pytest", *arguments)
    left_out = [f"--ignore={path}" for path in UNWATCHED]
    return (
        # One lane keeps what is to be known next time.
        Lane("unwatched", [sys.executable, *pytest, "-p", "no:cacheprovider", *UNWATCHED]),
        Lane("watched", [sys.executable, "-m", "coverage", "run", *pytest, *left_out]),
    )


def run(lanes: Sequence[Lane]) -> int:
    """Run them all at once, and show what they say; return 0 if each ended with 0."""
    started = [
        subprocess.Popen(lane.command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for lane in lanes
    ]
    showing = [
        Thread(target=_show, args=(lane, process.stdout), daemon=True)
        for lane, process in zip(lanes, started, strict=True)
    ]
    for thread in showing:
        thread.start()
    try:
        statuses = [_status(process) for process in started]
    finally:
        _interrupt(started)
        for thread in showing:
            thread.join(_LAST_WORDS)  # a process that a lane left behind may keep the pipe
    return int(any(statuses))


def _show(lane: Lane, said: IO[bytes]) -> None:
    with said:
        for line in said:
            sys.stdout.buffer.write(b"[%b] %b" % (lane.name.encode(), line))
            sys.stdout.buffer.flush()


def _status(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait()
    except KeyboardInterrupt:  # which it has got as well
        return process.wait()


def _interrupt(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        process.wait()


def end_by(number: int, _frame: FrameType | None) -> NoReturn:
    """End this process by an exception, so that what it started is ended first."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_by)
    sys.exit(run(all_lanes(sys.argv[1:])))
