"""What is lost of the log when analytics, or Envoy itself, is killed: what docs/delivery.md says.

Requests go on meanwhile, and none of them notices.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from sidecar.address import TcpAddress, UnixAddress
from sidecar.demo.echo import running_echo
from sidecar.envoy_config.plan import EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_process import Envoy, running_envoy
from tests.deadline import eventually
from tests.fakes.check_service import CheckService, running_check_service
from tests.fakes.collector import Collector

pytestmark = pytest.mark.e2e

LOOPBACK = "127.0.0.1"
ROOT = Path(__file__).resolve().parents[2]
# docs/delivery.md: 0.2 s in Envoy's buffer, 0.25 s until a health check fails. The rest is for a
# machine on which others run.
BOUND = 1.5  # seconds


class Callers:
    """Somebody who asks all the time, each time for another path."""

    def __init__(self) -> None:
        self.asked: list[float] = []  # when, by the number in the path
        self.url = ""
        self._over = False

    async def ask(self) -> None:
        async with aiohttp.ClientSession() as session:
            while not self._over:
                number = len(self.asked)
                self.asked.append(time.monotonic())
                async with session.get(f"{self.url}/{number}") as answer:
                    assert answer.status == 200
                    await answer.read()
                await asyncio.sleep(0.005)

    def end(self) -> None:
        self._over = True

    async def go_on(self, seconds: float) -> None:
        """Wait until so long a time is full of requests."""
        until = time.monotonic() + seconds
        await eventually(lambda: self.asked and self.asked[-1] >= until, "requests all the time")


class Analytics:
    """Analytics in a process that can be killed."""

    def __init__(self, directory: Path, endpoint: str) -> None:
        self._directory = directory
        self._endpoint = endpoint
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def address(self) -> UnixAddress:
        return UnixAddress(str(self._directory / "analytics.sock"))

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.fakes.analytics_process",
            str(self._directory),
            self._endpoint,
            json.dumps({"batch_max_wait": 100}),
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        await self._process.stdout.readline()  # it serves
        self._reading = asyncio.create_task(self._read())

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        if self._reading is not None:
            await self._reading

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        while await self._process.stdout.readline():
            pass


class Scene:
    def __init__(self, analytics: Analytics, envoy: Envoy, collector: Collector) -> None:
        self.analytics = analytics
        self.envoy = envoy
        self.callers = Callers()
        self._collector = collector

    def arrived(self) -> set[int]:
        uris = [event["request"]["uri"] for event in self._collector.events]
        return {int(uri.rpartition("/")[2]) for uri in uris}

    def lost(self, ends: list[float], *, before: int) -> list[int]:
        """Return the requests that did not arrive, but for those of the bound before an end."""
        return sorted(set(range(before)) - self._late(ends) - self.arrived())

    def compared(self, ends: list[float]) -> int:
        """Return how many requests there were but those of the bound."""
        return len(self.callers.asked) - len(self._late(ends))

    def _late(self, ends: list[float]) -> set[int]:
        asked = enumerate(self.callers.asked)
        return {n for n, at in asked if any(end - BOUND <= at <= end + BOUND for end in ends)}


@asynccontextmanager
async def scene(directory: Path) -> AsyncIterator[Scene]:
    async with (
        Collector() as collector,
        running_echo(LOOPBACK, 0) as echo,
        running_check_service(CheckService()) as authsvc,
    ):
        analytics = Analytics(directory, collector.url)
        await analytics.start()
        plan = EnvoyPlan(
            listen=TcpAddress(LOOPBACK, 0),
            authsvc=TcpAddress(LOOPBACK, authsvc),
            analytics=analytics.address,
            upstreams=(Upstream(name="echo", address=TcpAddress("localhost", echo)),),
            routes=(PlannedRoute(name="all", upstream="echo"),),
        )
        try:
            log_file = directory / "envoy.log"
            async with running_envoy(plan, log_file=log_file, concurrency=1) as envoy:
                it = Scene(analytics, envoy, collector)
                it.callers.url = f"http://{LOOPBACK}:{await envoy.port()}"
                yield it
        finally:
            await analytics.kill()


# What is asked longer than the bound before or after an end must arrive: so long it goes on.
BESIDE = BOUND + 0.5  # seconds


async def test_killing_analytics_costs_what_envoy_had_just_sent(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        asking = asyncio.create_task(it.callers.ask())
        ends = []
        for _ in range(2):
            await it.callers.go_on(BESIDE)
            ends.append(time.monotonic())
            await it.analytics.kill()
            await it.callers.go_on(0.3)  # longer than Envoy takes to notice
            await it.analytics.start()
        await it.callers.go_on(BESIDE)
        it.callers.end()
        await asking
        asked = len(it.callers.asked)
        await eventually(lambda: not it.lost(ends, before=asked), "all but the bound")
        assert it.compared(ends) > 100


async def test_killing_envoy_costs_what_was_in_its_buffer(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        asking = asyncio.create_task(it.callers.ask())
        await it.callers.go_on(BESIDE)
        end = time.monotonic()
        os.kill(it.envoy.pid, signal.SIGKILL)
        await asyncio.gather(asking, return_exceptions=True)  # its connection breaks
        asked = len(it.callers.asked)
        await eventually(lambda: not it.lost([end], before=asked), "all but the bound")
        assert it.compared([end]) > 10
