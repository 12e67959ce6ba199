"""Bodies that pass a real Envoy are in the events of their requests, and nothing waits for them."""

import asyncio
import base64
import gzip
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest
import yaml
from aiohttp import web

from analytics.accesslog import serve
from analytics.bodies.face import BodyFace
from analytics.bodies.metrics import BodyOutcome
from analytics.config_fields import parse_moesif_config
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from analytics.routing import ScopedConfig
from sidecar.address import TcpAddress
from sidecar.demo.listening import listen
from sidecar.envoy_config.bootstrap import bootstrap
from sidecar.envoy_config.plan import BodyUse, Capture, EnvoyPlan, PlannedRoute, Upstream
from sidecar.envoy_config.plan import Path as EnvoyPath
from sidecar.envoy_process import Envoy, running_envoy
from tests.clients.raw_http import exchange
from tests.deadline import eventually
from tests.fakes.body_counts import BodyCounts
from tests.fakes.check_service import CheckService, deny, running_check_service
from tests.fakes.collector import Collector, Event
from tests.fakes.counting_metrics import CountingMetrics
from tests.fakes.grpc_echo import STREAM_METHOD, running_grpc_echo

pytestmark = pytest.mark.e2e

LOOPBACK = "127.0.0.1"
MIB = 1024 * 1024
JSON = {"content-type": "application/json"}
BOTH = Capture(request=True, response=True)


class Upstreams:
    """Answers as the path says: ``/gzip``, ``/large``, ``/hang``; else with what it was sent."""

    def __init__(self) -> None:
        self.received = 0
        self.release = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/hang":
            await self.release.wait()
        body = b""
        if request.path.endswith("/upload"):
            async for chunk in request.content.iter_any():
                self.received += len(chunk)
        else:
            body = await request.read()
        if request.path == "/large":
            return await _large(request)
        if request.path == "/gzip":
            packed = gzip.compress(b'{"packed":true}')
            return web.Response(body=packed, headers=JSON | {"content-encoding": "gzip"})
        return web.Response(body=body or b'{"empty":true}', headers=JSON)


async def _large(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(32):
        await response.write(bytes(MIB))
    await response.write_eof()
    return response


class Scene:
    """Envoy, with analytics in this process behind it."""

    def __init__(self, pipeline: Pipeline, collector: Collector, counts: BodyCounts) -> None:
        self.checks = CheckService()
        self.collector = collector
        self.counts = counts
        self.pipeline = pipeline
        self.upstreams = Upstreams()
        self.port = 0
        self.envoy: Envoy
        self.http: aiohttp.ClientSession

    async def post(self, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
        """Send a body as JSON; return status and body of the answer."""
        url = f"http://{LOOPBACK}:{self.port}{path}"
        async with self.http.post(url, data=body, headers=JSON | headers) as answer:
            return answer.status, await answer.read()

    async def events(self, count: int) -> list[Event]:
        """Wait for so many events, and return them."""
        await eventually(lambda: len(self.collector.events) >= count, f"{count} events")
        assert len(self.collector.events) == count
        return self.collector.events

    @asynccontextmanager
    async def analytics(self) -> AsyncIterator[TcpAddress]:
        async with serve(
            f"{LOOPBACK}:0",
            open_stream=self.pipeline.open_stream,
            metrics=CountingMetrics(),
            drain_seconds=0,
            beside=BodyFace(self.pipeline.bodies),
        ) as bound:
            yield TcpAddress(LOOPBACK, int(bound.rpartition(":")[2]))

    @asynccontextmanager
    async def running(self, analytics: TcpAddress, log_file: Path) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app = web.Application(client_max_size=100 * MIB)
            app.router.add_route("*", "/{any:.*}", self.upstreams.answer)
            http = await stack.enter_async_context(listen(app, host=LOOPBACK, port=0))
            calls = await stack.enter_async_context(running_grpc_echo())
            authsvc = await stack.enter_async_context(running_check_service(self.checks))
            plan = EnvoyPlan(
                listen=TcpAddress(LOOPBACK, 0),
                authsvc=TcpAddress(LOOPBACK, authsvc),
                analytics=analytics,
                upstreams=(
                    Upstream(name="http", address=TcpAddress(LOOPBACK, http)),
                    Upstream(name="calls", address=TcpAddress(LOOPBACK, calls), http2=True),
                ),
                routes=(
                    PlannedRoute(name="calls", upstream="calls", grpc_only=True, captures=BOTH),
                    PlannedRoute(
                        name="checked",
                        upstream="http",
                        path=EnvoyPath(text="/checked"),
                        body=BodyUse.READ,
                        captures=BOTH,
                    ),
                    PlannedRoute(name="all", upstream="http", captures=BOTH),
                ),
            )
            self.envoy = await stack.enter_async_context(
                running_envoy(plan, log_file=log_file, concurrency=1, write=_patient)
            )
            self.port = await self.envoy.port()
            # Less than Envoy usually waits for a sign of life of a connection.
            timeout = aiohttp.ClientTimeout(total=20)
            self.http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
            self.asked_before = 0
            await eventually(self._passes, "Envoy to reach what is behind it")
            yield

    async def _passes(self) -> bool:
        self.asked_before += 1
        return (await self.post("/", b"{}"))[0] == 200

    async def forget(self) -> None:
        """Forget what was asked before, once it arrived."""
        await self.events(self.asked_before)
        self.collector.posts.clear()
        self.counts.outcomes.clear()
        self.counts.waited_in_vain = 0


def _patient(plan: EnvoyPlan) -> str:
    """Return the configuration, but for a check that takes too long: on a busy machine it may."""
    made = bootstrap(plan)
    (chain,) = made["static_resources"]["listeners"][0]["filter_chains"]
    for each in chain["filters"][0]["typed_config"]["http_filters"]:
        if each["name"] == "envoy.filters.http.ext_authz":
            each["typed_config"]["failure_mode_allow"] = True
    return yaml.safe_dump(made)


@asynccontextmanager
async def scenery() -> AsyncIterator[Scene]:
    counts = BodyCounts()
    async with (
        Collector() as collector,
        MoesifCollector() as client,
        Pipeline(collector=client, metrics=CountingMetrics(), body_metrics=counts) as pipeline,
    ):
        given = {"application_id": "APP", "api_endpoint": collector.url, "batch_max_wait": 100}
        config = parse_moesif_config(given | {"request_body_masks": ["password"]})
        pipeline.configure([ScopedConfig(config)], credential_names=["apikey"])
        yield Scene(pipeline, collector, counts)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with (
        scenery() as scene,
        scene.analytics() as address,
        scene.running(address, tmp_path / "envoy.log"),
    ):
        await scene.forget()
        yield scene


async def chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536):
        yield bytes(65536)


async def test_bodies_arrive_with_their_events_masked_and_opened(scene: Scene) -> None:
    sent = b'{"a":1,"password":"p","apikey":"k3y"}'
    await scene.post("/", sent)
    await scene.post("/gzip", gzip.compress(sent), **{"content-encoding": "gzip"})
    plain, packed = await scene.events(2)
    masked = {"a": 1, "apikey": "*****"}
    assert plain["request"]["body"] == packed["request"]["body"] == masked
    assert plain["response"]["body"] == masked | {"password": "p"}  # which requests are masked by
    assert packed["response"]["body"] == {"packed": True}
    assert scene.counts.outcomes == {BodyOutcome.SHOWN: 4}
    assert scene.counts.waited_in_vain == 0


async def test_a_chunked_body_arrives_and_many_at_once_do_not_mix(scene: Scene) -> None:
    async def some(number: int) -> AsyncIterator[bytes]:
        yield b'{"number":'
        yield b"%d}" % number

    # One id for all, as a careless client has it.
    asked = (scene.post(f"/{n}", some(n), **{"x-request-id": "same"}) for n in range(30))
    await asyncio.gather(*asked)
    for event in await scene.events(30):
        number = int(event["request"]["uri"].rpartition("/")[2])
        assert event["request"]["body"] == event["response"]["body"] == {"number": number}


async def test_a_refused_request_has_the_body_of_its_answer(scene: Scene) -> None:
    def refuse(_request: object) -> Any:
        answer = deny(401)
        answer.denied_response.body = '{"message":"no"}'
        answer.denied_response.headers.add().header.key = "content-type"
        answer.denied_response.headers[0].header.value = "application/json"
        return answer

    scene.checks.answer = refuse
    assert (await scene.post("/", b'{"a":1}'))[0] == 401
    (event,) = await scene.events(1)
    assert event["response"]["body"] == {"message": "no"}
    assert "body" not in event["request"]


def refusing(**metadata: str) -> Any:
    """Return what answers checks as authsvc does that refuses them."""

    def refuse(_request: object) -> Any:
        answer = deny(403)
        answer.dynamic_metadata.update({"result": "deny"} | metadata)
        return answer

    return refuse


# Half of what a check is shown; more than it is shown; more than any limit.
SIZES = (4096, 20_000, 200_000)


async def test_what_a_blocked_call_said_is_there_where_the_check_saw_it(scene: Scene) -> None:
    scene.checks.answer = refusing(blocked_by="rule")
    sent = b'{"a":1,"password":"p","apikey":"k3y"}'
    assert (await scene.post("/checked", sent))[0] == 403
    (event,) = await scene.events(1)
    assert event["request"]["body"] == {"a": 1, "apikey": "*****"}
    assert scene.checks.seen[-1].attributes.request.http.body == sent.decode()
    assert scene.counts.outcomes == {BodyOutcome.SHOWN: 1}
    assert scene.counts.waited_in_vain == 0


async def test_what_a_stranger_said_is_not(scene: Scene) -> None:
    scene.checks.answer = refusing()
    assert (await scene.post("/checked", b'{"a":1}'))[0] == 403
    (event,) = await scene.events(1)
    assert "body" not in event["request"]
    assert scene.counts.outcomes == {BodyOutcome.REFUSED: 1}


@pytest.mark.parametrize("size", SIZES)
async def test_what_the_check_saw_passes_whole_and_is_there_as_elsewhere(
    scene: Scene, size: int
) -> None:
    sent = b'"%s"' % (b"x" * size)
    assert (await scene.post("/checked", sent)) == (200, sent)
    (event,) = await scene.events(1)
    is_there = size < 100_000
    assert ("body" in event["request"], "body" in event["response"]) == (is_there, is_there)


async def test_a_grpc_call_has_its_messages_in_base64(scene: Scene) -> None:
    async with grpc.aio.insecure_channel(f"{LOOPBACK}:{scene.port}") as channel:
        call = channel.stream_stream(STREAM_METHOD)()
        for said in (b"one", b"two"):
            await call.write(said)
            assert await call.read() == said  # a conversation: nothing holds it up
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
    (event,) = await scene.events(1)
    for side in ("request", "response"):
        assert event[side]["transfer_encoding"] == "base64"
        frames = b"\0\0\0\0\3one\0\0\0\0\3two"
        assert base64.b64decode(event[side]["body"]) == frames


async def test_what_is_large_passes_whole_and_its_stream_is_ended(scene: Scene) -> None:
    assert (await scene.post("/upload", chunks(64 * MIB)))[0] == 200
    assert scene.upstreams.received == 64 * MIB
    assert len((await scene.post("/large", b'{"a":1}'))[1]) == 32 * MIB
    upload, download = await scene.events(2)
    assert "body" not in upload["request"]
    assert download["request"]["body"] == {"a": 1}
    assert "body" not in download["response"]
    _, text = await scene.envoy.ask("/stats?filter=tollkeeper_bodies.upstream_cx_tx_bytes_total")
    assert int(text.rpartition(":")[2]) < 20 * MIB
    await eventually(lambda: scene.counts.size == 0, "everything to be let go of")


async def test_of_a_client_that_leaves_only_what_is_whole_is_shown(scene: Scene) -> None:
    lines = ["POST /hang HTTP/1.1", "host: a", "content-type: application/json"]
    request = "\r\n".join([*lines, "content-length: 7", "", ""]).encode() + b'{"a":1}'
    with suppress(TimeoutError):
        async with asyncio.timeout(0.5):  # its patience
            await exchange(scene.port, request)
    (event,) = await scene.events(1)
    scene.upstreams.release.set()
    assert event["request"]["body"] == {"a": 1}
    assert "response" not in event


async def test_routes_that_capture_nothing_send_nothing(scene: Scene) -> None:
    config = parse_moesif_config(
        {
            "application_id": "APP",
            "api_endpoint": scene.collector.url,
            "batch_max_wait": 100,
            "disable_capture_request_body": True,
            "disable_capture_response_body": True,
        }
    )
    scene.pipeline.configure([ScopedConfig(config)], credential_names=[])
    await scene.post("/", b'{"a":1}')
    (event,) = await scene.events(1)
    assert "body" not in event["request"]
    assert scene.counts.waited_in_vain == 0


# An analytics process that can be stopped, and killed: it takes what comes, and shows nothing.
SINK = """
import asyncio
from analytics.accesslog import serve
from analytics.bodies.face import BodyFace
from analytics.bodies.join import BodyJoin
from analytics.bodies.metrics import NullBodyMetrics
from analytics.bodies.recording import Limits
from tests.fakes.counting_metrics import CountingMetrics

class Sink:
    def accept(self, message): pass

async def main():
    join = BodyJoin(release=lambda *_: None, metrics=NullBodyMetrics())
    join.configure(Limits(100_000, 100_000))
    face = BodyFace(join)
    async with serve("127.0.0.1:0", open_stream=Sink, metrics=CountingMetrics(), beside=face) as at:
        print(at, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def running_sink() -> AsyncIterator[tuple[TcpAddress, int]]:
    """Run one in a process of its own; yield its address and its id."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SINK, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).parents[3]
    )
    try:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode()
        yield TcpAddress(LOOPBACK, int(address.rpartition(":")[2])), process.pid
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "is killed"])
async def test_no_request_fails_where_analytics(number: signal.Signals, tmp_path: Path) -> None:
    async with (
        scenery() as scene,
        running_sink() as (address, pid),
        scene.running(address, tmp_path / "envoy.log"),
    ):
        to = ("/upload", "/upload", "/checked/upload")
        uploads = [asyncio.create_task(scene.post(path, chunks(48 * MIB))) for path in to]
        await eventually(lambda: scene.upstreams.received, "the uploads")
        os.kill(pid, number)
        during = [scene.post(path, b"{}") for path in ("/", "/checked") for _ in range(10)]
        downloads = [scene.post("/large", b"") for _ in range(2)]
        answers = await asyncio.gather(*uploads, *during, *downloads)
        assert {status for status, _ in answers} == {200}
        assert scene.upstreams.received == 3 * 48 * MIB
        await eventually(lambda: _no_streams(scene.envoy), "Envoy to let go of its streams")


async def _no_streams(envoy: Envoy) -> bool:
    _, text = await envoy.ask("/stats?filter=tollkeeper_bodies.upstream_rq_active$")
    return text.split()[1:] == ["0"]
