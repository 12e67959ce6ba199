"""kill -9, at any moment and again and again, loses nothing beyond the documented bound."""

import asyncio
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from analytics.accesslog import SERVICE
from tests.deadline import eventually
from tests.fakes.collector import Answer, Collector, Hang
from tests.fakes.envoy_log import entry, message

ROOT = Path(__file__).resolve().parents[2]
# docs/delivery.md says 50 ms. The rest is for a machine on which others run: what counts is that
# nothing older is ever lost.
BOUND = 0.5  # seconds
LIVES = 3  # in front of each kind of batches, with moments of their own


class Life:
    """One run of analytics, and what was sent to it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.reports: list[tuple[float, int]] = []
        self.sent: list[int] = []  # numbers of entries, in order
        self._reading = asyncio.create_task(self._read())

    @property
    def taken(self) -> int:
        return self.reports[-1][1] if self.reports else 0

    @property
    def must_arrive(self) -> list[int]:
        """The entries that it had taken longer than the bound before its end."""
        last = self.reports[-1][0]
        return self.sent[: max((n for at, n in self.reports if at <= last - BOUND), default=0)]

    async def end(self, number: int) -> None:
        self.process.send_signal(number)
        await self.process.wait()
        await self._reading

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            at, _, taken = line.decode().partition(" ")
            if taken.strip().isdigit():
                self.reports.append((float(at), int(taken)))


class World:
    """A collector, and the lives of analytics."""

    def __init__(self, directory: Path, collector: Collector, config: dict[str, Any]) -> None:
        self.collector = collector
        self.lives: list[Life] = []
        self.random = random.Random(json.dumps(config))  # noqa: S311 - no secret
        self._directory = directory
        self._config = config
        self._next = 0

    @asynccontextmanager
    async def life(self) -> AsyncIterator[Life]:
        """Start analytics; it is gone at the end, if not before."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.fakes.analytics_process",
            str(self._directory),
            self.collector.url,
            json.dumps(self._config),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        life = Life(process)
        self.lives.append(life)
        try:
            await eventually(lambda: life.reports, "analytics")
            yield life
        finally:
            if process.returncode is None:
                await life.end(signal.SIGKILL)

    async def send(self, life: Life, messages: int) -> None:
        """Stream messages of some entries each, at no steady pace."""
        address = f"unix:{self._directory / 'analytics.sock'}"
        async with grpc.aio.insecure_channel(address) as channel:
            call = channel.stream_unary(f"/{SERVICE}/StreamAccessLogs")()
            for _ in range(messages):
                numbers = range(self._next, self._next + self.random.randint(1, 30))
                self._next = numbers.stop
                await call.write(message(*(entry(request={"path": f"/{n}"}) for n in numbers)))
                life.sent += numbers
                await asyncio.sleep(self.random.uniform(0, 0.01))

    def arrived(self) -> Counter[int]:
        uris = [event["request"]["uri"] for event in self.collector.events]
        return Counter(int(uri.rpartition("/")[2]) for uri in uris)

    def missing(self) -> set[int]:
        """Return what the lives that are over had taken, and did not arrive."""
        over = [life for life in self.lives if life.process.returncode is not None]
        wanted = {number for life in over for number in life.must_arrive}
        return wanted - set(self.arrived())


# With the second no batch is ever due, and few are full: what arrives was on disk as it came.
@pytest.mark.parametrize(
    ("batch_size", "wait"), [(10, 300), (1000, 60_000)], ids=["small batches", "large batches"]
)
async def test_what_was_taken_arrives_however_often_analytics_is_killed(
    tmp_path: Path, batch_size: int, wait: int
) -> None:
    answers: list[Answer] = [201, 503, 201, 201, Hang(0.05), 201] * 200
    config = {"batch_size": batch_size, "batch_max_wait": wait, "enable_compression": True}
    async with Collector(*answers) as collector:
        world = World(tmp_path, collector, config)
        for _ in range(LIVES):
            async with world.life() as life:
                sending = asyncio.create_task(world.send(life, 200))
                await asyncio.sleep(world.random.uniform(0.7, 1.4))
                await life.end(signal.SIGKILL)
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        collector.script[:] = [201]
        async with world.life():
            await eventually(lambda: not world.missing(), "everything that was taken")
    assert sum(len(life.must_arrive) for life in world.lives[:LIVES]) > 100
    # Twice arrives what was under way at a kill: no more than one batch for each.
    twice = sum(count - 1 for count in world.arrived().values())
    assert twice <= LIVES * batch_size


async def test_events_come_once_and_in_order_however_the_collector_is_killed(
    tmp_path: Path,
) -> None:
    config = {"batch_size": 10, "batch_max_wait": 50}
    async with Collector() as collector:
        world = World(tmp_path, collector, config)
        async with world.life() as life:
            sending = asyncio.create_task(world.send(life, 60))
            for _ in range(5):
                await asyncio.sleep(world.random.uniform(0.05, 0.2))
                await collector.stop()  # open connections are cut
                await asyncio.sleep(world.random.uniform(0.05, 0.2))
                await collector.start()
            await sending
            await eventually(lambda: set(life.sent) <= set(world.arrived()), "everything")
    assert not set(world.arrived()) - set(life.sent)
