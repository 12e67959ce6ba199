"""The worker that ``bench.keys`` measures, and what loads it."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from bench.processes import LOAD_CORE, ROOT, cores_of, move
from bench.request_log import Window, read_window

WITHIN = 300.0  # seconds, for what is waited for


@dataclass(frozen=True, slots=True)
class Plan:
    """How much, and for how long."""

    keys: int
    hot: int
    rounds: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Subject:
    """The worker that is measured, and where to ask it."""

    pid: int
    folder: Path
    metrics_url: str
    plan: Plan

    def load(self, name: str, *flags: str) -> Path:
        """Load the worker until the load ends by itself; return the log."""
        with self._loading(name, *flags) as (process, log):
            process.wait(WITHIN)
        return log

    @contextmanager
    def loaded(self, name: str, *flags: str) -> Iterator[Path]:
        """Load the worker during the block; yield the log, which is whole after it."""
        with self._loading(name, *flags) as (process, log):
            yield log
            process.communicate(timeout=WITHIN)

    @contextmanager
    def _loading(self, name: str, *flags: str) -> Iterator[tuple["subprocess.Popen[str]", Path]]:
        log = self.folder / f"{name}.log"
        arguments = {
            "--socket": self.folder / "checks.sock",
            "--hot": self.plan.hot,
            "--total": self.plan.keys,
            "--log": log,
        }
        words = [str(word) for pair in arguments.items() for word in pair]
        with subprocess.Popen(
            [sys.executable, "-m", "bench.key_load", *words, *flags],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            move(process.pid, cores_of(LOAD_CORE))
            if not (process.stdout and process.stdout.readline()):
                raise RuntimeError("the load did not begin")
            yield process, log
        if process.returncode:
            raise RuntimeError("the load failed")

    def metric(self, name: str) -> float:
        """Return a metric that has no other labels than these."""
        for line in page_of(self.metrics_url).splitlines():
            if line.startswith(f"{name} "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def lookups(self) -> dict[str, float]:
        """Return how many keys were looked up, by what became of them."""
        kinds = ("hit", "known_unknown", "miss")
        label = 'tollkeeper_cache_lookups_total{kind="%s"}'
        return {kind: self.metric(label % kind) for kind in kinds}


def page_of(url: str) -> str:
    """Return what an URL of the product says; nothing while it does not listen."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - a URL of ours
            return str(answer.read(), "utf-8")
    except (URLError, ConnectionError):
        return ""


def window_of(log: Path) -> Window:
    """Read a log, without its first and last tenth.

    Raises:
        RuntimeError: An answer was not right.
    """
    with log.open() as lines:
        times = [int(line.split("\t", 1)[0]) / 1e6 for line in lines]
    begin, end = min(times), max(times)
    margin = (end - begin) / 10
    with log.open() as lines:
        window = read_window(lines, begin=begin + margin, end=end - margin)
    if window.wrong:
        raise RuntimeError(f"{window.wrong} answers were not right")
    return window


def answers_in(log: Path) -> int:
    """Return how many answers a log tells of."""
    with log.open() as lines:
        return sum(1 for _ in lines)


def rate_of(log: Path) -> float:
    """Return how many answers a second a log tells of."""
    with log.open() as lines:
        times = [int(line.split("\t", 1)[0]) / 1e6 for line in lines]
    return len(times) / (max(times) - min(times))
