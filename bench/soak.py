"""``python -m bench.soak``: many checks over connections that come and go, and flat memory.

One worker on the fast lane, with everything behind it, answers until the number is reached. Each
connection asks for a while and then ends in the middle of its calls: half of them are closed, half
are reset. A check that is not answered right, memory that grows, or a file descriptor that stays
ends with status 1. CPU and rate are not what this is about; see ``python -m bench``.
"""

import argparse
import asyncio
import sys
import time
from pathlib import Path
from random import Random

import uvloop

from bench.agreement import answer_size
from bench.connection import Connection
from bench.processes import Server, resident_bytes, started
from bench.traffic import METHOD, requests

_MEBIBYTE = 2**20
_WARM = 0.2  # of all checks, after which memory is to stay what it is
_MOST_GROWTH = 0.05  # of what it is then: allocators keep what they may use again
_SAMPLES = 20
_LONGEST = 1000  # checks of one connection
_STEADY = 15  # looks in a row that find the same


class Soak:
    """Counts down over all connections."""

    def __init__(self, server: Server, *, checks: int, connections: int, streams: int) -> None:
        self._server = server
        self._checks = checks
        self._connections = connections
        self._streams = streams
        self._messages = requests()
        self._chance = Random(1)  # noqa: S311 - to be repeated, not to be a secret
        self.done = 0
        self.wrong = 0
        self.opened = 0
        self.samples: list[tuple[int, float, int]] = []  # checks, seconds, bytes

    async def run(self) -> None:
        """Ask until all is asked."""
        size = await answer_size(self._server.port)
        started_at = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._connections):
                tasks.create_task(self._churn(size))
            while self.done < self._checks:
                await asyncio.sleep(0.05)
                if self.done >= len(self.samples) * self._checks // _SAMPLES:
                    self._sample(time.perf_counter() - started_at)
        self._sample(time.perf_counter() - started_at)

    @property
    def growth(self) -> float:
        """By how much of itself memory has grown since it was warm."""
        warm = [size for done, _, size in self.samples if done >= self._checks * _WARM]
        return warm[-1] / warm[0] - 1

    def _sample(self, seconds: float) -> None:
        size = resident_bytes(self._server.pid)
        self.samples.append((self.done, seconds, size))
        sys.stdout.write(f"{self.done:>10,} {seconds:>7.1f} s {size / _MEBIBYTE:>7.1f} MiB\n")
        sys.stdout.flush()

    async def _churn(self, size: int) -> None:
        while self.done < self._checks:
            quota = self._chance.randint(1, _LONGEST)
            enough = asyncio.Event()
            connection = await self._open(size, quota, enough)
            await enough.wait()
            is_reset = self._chance.random() < 0.5
            connection.close()
            if is_reset:
                connection.abort()

    async def _open(self, size: int, quota: int, enough: asyncio.Event) -> "_Churned":
        asked = 0

        def answered(_seconds: float, right: bool) -> None:
            nonlocal asked
            asked += 1
            self.done += 1
            self.wrong += not right
            if asked >= quota or self.done >= self._checks:
                enough.set()

        def make() -> _Churned:
            return _Churned(
                messages=self._messages,
                method=METHOD,
                answer_size=size,
                streams=self._chance.randint(1, self._streams),
                answered=answered,
            )

        self.opened += 1
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(make, "127.0.0.1", self._server.port)
        return connection


class _Churned(Connection):
    """A connection that can go without a word."""

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()


def descriptors(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def soak(options: argparse.Namespace) -> int:
    """Run, and return the status to end with."""
    command = ("bench.contenders.tollkeeper", "fastlane")
    with started("tollkeeper, fast lane", *command) as server:
        uvloop.run(answer_size(server.port))
        before = _settled(server.pid)
        work = Soak(
            server,
            checks=options.checks,
            connections=options.connections,
            streams=options.streams,
        )
        uvloop.run(work.run())
        left = _settled(server.pid) - before
    sys.stdout.write(
        f"{work.done:,} checks over {work.opened:,} connections: {work.wrong} wrong, "
        f"memory {work.growth:+.1%} after the first {_WARM:.0%}, {left} descriptors left\n"
    )
    return int(work.wrong > 0 or work.growth > _MOST_GROWTH or left > 0)


def _settled(pid: int) -> int:
    """Return how many descriptors a process keeps when nobody asks it any more."""
    seen = [descriptors(pid)]
    while len(seen) < _STEADY or len(set(seen[-_STEADY:])) > 1:
        time.sleep(0.1)
        seen.append(descriptors(pid))
    return seen[-1]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--checks", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=16, help="at any time")
    parser.add_argument("--streams", type=int, default=32, help="calls in flight on one, at most")
    sys.exit(soak(parser.parse_args()))


if __name__ == "__main__":
    main()
