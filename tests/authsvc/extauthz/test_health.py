"""Claims about a server's health, as those see it who ask."""

from collections.abc import AsyncIterator

import grpc
import pytest

from authsvc.extauthz.grpc_handlers import health_handler
from authsvc.extauthz.health import Health
from authsvc.extauthz.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse
from tests.deadline import eventually

SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING
UNKNOWN = HealthCheckResponse.SERVICE_UNKNOWN
CHECK = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"


def asking(service: str) -> bytes:
    return HealthCheckRequest(service=service).SerializeToString()


def status(payload: bytes) -> int:
    return HealthCheckResponse.FromString(payload).status


@pytest.fixture
def health() -> Health:
    return Health("known")


@pytest.fixture
async def channel(health: Health) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((health_handler(health),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    health.end_watches()
    await server.stop(None)


@pytest.mark.parametrize("service", ["", "known"])
async def test_a_known_service_serves_from_when_it_is_said_to(
    health: Health, channel: grpc.aio.Channel, service: str
) -> None:
    assert status(await channel.unary_unary(CHECK)(asking(service))) == NOT_SERVING
    health.set_serving(serving=True)
    assert status(await channel.unary_unary(CHECK)(asking(service))) == SERVING


@pytest.mark.parametrize("payload", [asking("other"), b"\xff\xff"])
async def test_an_unknown_service_is_not_found(channel: grpc.aio.Channel, payload: bytes) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await channel.unary_unary(CHECK)(payload)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


async def test_a_watch_tells_the_state_now_and_every_change(
    health: Health, channel: grpc.aio.Channel
) -> None:
    watch = channel.unary_stream(WATCH)(asking("known"))
    assert status(await watch.read()) == NOT_SERVING
    for serving, expected in ((True, SERVING), (False, NOT_SERVING), (True, SERVING)):
        health.set_serving(serving=serving)
        assert status(await watch.read()) == expected


async def test_a_watch_of_an_unknown_service_says_so_and_stays(channel: grpc.aio.Channel) -> None:
    watch = channel.unary_stream(WATCH)(asking("other"))
    assert status(await watch.read()) == UNKNOWN
    assert not watch.done()


async def test_watches_can_be_ended(health: Health, channel: grpc.aio.Channel) -> None:
    watch = channel.unary_stream(WATCH)(asking(""))
    await watch.read()
    health.end_watches()
    assert await watch.read() is grpc.aio.EOF
    late = channel.unary_stream(WATCH)(asking(""))
    assert await late.read() is grpc.aio.EOF


async def test_nobody_watches_a_server_that_nobody_asked(health: Health) -> None:
    assert not health.is_watched


async def test_who_asked_lately_watches(
    health: Health, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    await channel.unary_unary(CHECK)(asking(""))
    assert health.is_watched
    monkeypatch.setattr("authsvc.extauthz.health._ASKED_LATELY", 0.0)
    assert not health.is_watched


async def test_an_open_watch_counts_however_old_it_is(
    health: Health, channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authsvc.extauthz.health._ASKED_LATELY", 0.0)
    watch = channel.unary_stream(WATCH)(asking(""))
    await watch.read()
    assert health.is_watched
    watch.cancel()
    await eventually(lambda: not health.is_watched, "the end of the watch to be noticed")
