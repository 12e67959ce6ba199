"""What a real Envoy logs arrives at a real collector, whatever happens to the streams between."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from analytics.accesslog import serve
from analytics.config_fields import parse_moesif_config
from analytics.moesif import MoesifCollector
from analytics.pb.accesslog_pb2 import StreamAccessLogsMessage
from analytics.pipeline import LogStream, Pipeline
from analytics.routing import ScopedConfig
from sidecar.address import TcpAddress
from sidecar.demo.echo import running_echo
from sidecar.envoy_config.plan import EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_process import running_envoy
from tests.deadline import eventually
from tests.fakes.check_service import CheckService, deny, running_check_service
from tests.fakes.collector import Collector
from tests.fakes.counting_metrics import CountingMetrics
from tests.fakes.entry_oracle import Oracle

pytestmark = pytest.mark.e2e

LOOPBACK = "127.0.0.1"


class Recording:
    """A stream whose messages are kept."""

    def __init__(self, stream: LogStream, messages: list[bytes]) -> None:
        self._stream = stream
        self._messages = messages

    def portions(self, message: bytes) -> Iterator[None]:
        self._messages.append(message)
        return self._stream.portions(message)


class Scene:
    """Envoy with analytics behind it."""

    def __init__(self, pipeline: Pipeline, collector: Collector, metrics: CountingMetrics) -> None:
        self.checks = CheckService()
        self.messages: list[bytes] = []
        self.collector = collector
        self.metrics = metrics
        self._pipeline = pipeline
        self._session = aiohttp.ClientSession()
        self._asked = 0
        self.url = ""

    @asynccontextmanager
    async def analytics(self, address: str, **options: Any) -> AsyncIterator[str]:
        """Serve the face for as long as the context lasts."""
        async with serve(
            address, open_stream=self._open_stream, metrics=self.metrics, **options
        ) as bound:
            yield bound

    def _open_stream(self) -> "Recording":
        return Recording(self._pipeline.open_stream(), self.messages)

    async def ask(self, count: int) -> None:
        """Send requests, each with a path of its own."""
        for _ in range(count):
            async with self._session.get(f"{self.url}/{self._asked}") as answer:
                await answer.read()
            self._asked += 1

    async def all_arrive(self) -> None:
        """Wait until every request is an event, exactly once."""
        await eventually(lambda: len(self.collector.events) >= self._asked, "all events")
        paths = [event["request"]["uri"].rpartition("/")[2] for event in self.collector.events]
        assert sorted(paths, key=int) == [str(number) for number in range(self._asked)]

    @asynccontextmanager
    async def envoy(self, analytics: str, log_file: Path) -> AsyncIterator[None]:
        """Start Envoy, logging to the face at this address."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._session.close)
            echo = await stack.enter_async_context(running_echo(LOOPBACK, 0))
            authsvc = await stack.enter_async_context(running_check_service(self.checks))
            plan = EnvoyPlan(
                listen=TcpAddress(LOOPBACK, 0),
                authsvc=TcpAddress(LOOPBACK, authsvc),
                analytics=TcpAddress(LOOPBACK, int(analytics.rpartition(":")[2])),
                upstreams=(Upstream(name="echo", address=TcpAddress("localhost", echo)),),
                routes=(PlannedRoute(name="all", upstream="echo"),),
            )
            started = running_envoy(plan, log_file=log_file, concurrency=1)
            envoy = await stack.enter_async_context(started)
            self.url = f"http://{LOOPBACK}:{await envoy.port()}"
            yield


@pytest.fixture
async def scene(metrics: CountingMetrics) -> AsyncIterator[Scene]:
    async with (
        Collector() as collector,
        MoesifCollector() as client,
        Pipeline(collector=client, metrics=metrics) as pipeline,
    ):
        given = {"application_id": "APP", "api_endpoint": collector.url, "batch_max_wait": 100}
        pipeline.configure([ScopedConfig(parse_moesif_config(given))], credential_names=["apikey"])
        yield Scene(pipeline, collector, metrics)


async def test_requests_become_events(scene: Scene, tmp_path: Path) -> None:
    async with (
        scene.analytics(f"{LOOPBACK}:0") as address,
        scene.envoy(address, tmp_path / "envoy.log"),
    ):
        await scene.ask(1)
        scene.checks.answer = lambda _request: deny(401)
        await scene.ask(1)
        await scene.all_arrive()
    allowed, denied = scene.collector.events
    assert (allowed["response"]["status"], denied["response"]["status"]) == (200, 401)
    assert allowed["request"]["ip_address"] == LOOPBACK
    assert allowed["metadata"]["route"] == "all"
    assert denied["metadata"]["response_code_details"] == "ext_authz_denied"
    assert denied["metadata"]["response_flags"] == ["UAEX"]


async def test_what_envoy_logs_is_read_off_its_bytes(scene: Scene, tmp_path: Path) -> None:
    async with (
        scene.analytics(f"{LOOPBACK}:0") as address,
        scene.envoy(address, tmp_path / "envoy.log"),
    ):
        await scene.ask(2)
        scene.checks.answer = lambda _request: deny(401)
        await scene.ask(1)
        await scene.all_arrive()
    oracle = Oracle()
    for message in scene.messages:
        for entry in StreamAccessLogsMessage.FromString(message).http_logs.log_entry:
            oracle.read(entry)
    assert oracle.protobuf.asked == 0


async def test_ending_streams_for_their_age_loses_nothing(scene: Scene, tmp_path: Path) -> None:
    async with (
        scene.analytics(f"{LOOPBACK}:0", max_stream_age=0.7) as address,
        scene.envoy(address, tmp_path / "envoy.log"),
    ):
        for _ in range(25):
            await scene.ask(20)
            await asyncio.sleep(0.05)  # spread over several streams
        await scene.all_arrive()


async def test_a_restart_loses_nothing(scene: Scene, tmp_path: Path) -> None:
    async with AsyncExitStack() as first:
        address = await first.enter_async_context(scene.analytics(f"{LOOPBACK}:0"))
        async with scene.envoy(address, tmp_path / "envoy.log"):
            await scene.ask(20)
            stopping = asyncio.create_task(first.aclose())
            while not stopping.done():
                await scene.ask(1)
                await asyncio.sleep(0.01)
            await scene.ask(20)
            async with scene.analytics(address):
                await scene.ask(20)
                await scene.all_arrive()
