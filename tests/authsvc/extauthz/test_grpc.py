"""Claims about both gRPC faces, over real connections: on grpcio, and on the fast lane."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import grpc
import pytest

from authsvc.decision import Decision
from authsvc.extauthz import grpc as grpcio
from authsvc.extauthz.checks import SERVICE
from authsvc.extauthz.fastlane import face as fastlane
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse
from authsvc.extauthz.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse
from authsvc.metrics import NullMetrics
from authsvc.policy import KeyAuthConfig, PolicyBook
from authsvc.request import Request
from tests.deadline import eventually
from tests.fakes.authenticator import make_authenticator
from tests.fakes.check_requests import check_request

CHECK = f"/{SERVICE}/Check"
HEALTH = "/grpc.health.v1.Health/Check"
WATCH = "/grpc.health.v1.Health/Watch"
ANY_PORT = "127.0.0.1:0"


class CountingMetrics(NullMetrics):
    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str, str]] = Counter()

    def checked(self, *, result: str, reason: str, transport: str, seconds: float) -> None:
        assert seconds > 0
        self.answers[result, reason, transport] += 1


class Gate:
    """An authenticator that waits until it is opened, then does what it was told to."""

    policies = PolicyBook(default=None)

    def __init__(self, outcome: Decision | Exception | None = None) -> None:
        self.outcome = outcome
        self.opened = asyncio.Event()
        self.waiting = 0

    def decide_now(self, _request: Request) -> None:
        return None

    async def decide(self, _request: Request) -> Decision:
        self.waiting += 1
        await self.opened.wait()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome  # type: ignore[return-value]  # None: what no type checker lets through


@pytest.fixture(params=[grpcio.serve, fastlane.serve], ids=["grpcio", "fastlane"], autouse=True)
def serve(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold both faces to all that is claimed here."""
    monkeypatch.setitem(globals(), "serve_face", request.param)


def known() -> object:
    return make_authenticator(KeyAuthConfig(hide_credentials=True), key="good")


@asynccontextmanager
async def face(
    address: str = ANY_PORT, *, authenticator: object = None, metrics: NullMetrics | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    """Serve, and connect to it."""
    serving = serving_on(address, authenticator=authenticator or known(), metrics=metrics)
    async with serving as bound, grpc.aio.insecure_channel(bound) as channel:
        yield channel


async def ask(channel: grpc.aio.Channel, request: CheckRequest | bytes) -> CheckResponse:
    payload = request if isinstance(request, bytes) else request.SerializeToString()
    return CheckResponse.FromString(await channel.unary_unary(CHECK)(payload, timeout=20))


async def test_a_known_key_is_let_through_with_its_identity() -> None:
    metrics = CountingMetrics()
    async with face(metrics=metrics) as channel:
        response = await ask(channel, check_request(path="/?a=1&apikey=good"))
    assert response.status.code == 0
    changed = {one.header.key: one.header.value for one in response.ok_response.headers}
    assert changed[":path"] == "/?a=1"
    assert changed["x-credential-identifier"] == "credential-1"
    assert "x-anonymous-consumer" in response.ok_response.headers_to_remove
    assert response.dynamic_metadata["result"] == "allow"
    assert metrics.answers == {("allow", "key", "grpc"): 1}


async def test_a_wrong_key_is_refused_inside_an_ok_rpc() -> None:
    metrics = CountingMetrics()
    async with face(metrics=metrics) as channel:
        response = await ask(channel, check_request(path="/?apikey=bad"))
    assert response.status.code == 16
    assert response.denied_response.status.code == 401
    assert json.loads(response.denied_response.body)["message"] == "Unauthorized"
    assert metrics.answers == {("deny", "unknown_key", "grpc"): 1}


@pytest.mark.parametrize("payload", [b"", b"\xff\xff\xff", b"\x00" * 1000, b"GET / HTTP/1.1"])
async def test_garbage_is_refused_inside_an_ok_rpc(payload: bytes) -> None:
    metrics = CountingMetrics()
    async with face(metrics=metrics) as channel:
        response = await ask(channel, payload)
        again = await ask(channel, check_request(path="/?apikey=good"))
    assert response.status.code != 0
    assert response.denied_response.status.code == 400
    assert again.status.code == 0
    assert metrics.answers == {
        ("deny", "bad_request", "grpc"): 1,
        ("allow", "key", "grpc"): 1,
    }


@pytest.mark.parametrize("outcome", [RuntimeError("apikey=SECRET"), None])
async def test_a_bug_is_refused_inside_an_ok_rpc(outcome: Exception | None) -> None:
    broken = Gate(outcome)
    broken.opened.set()
    metrics = CountingMetrics()
    async with face(authenticator=broken, metrics=metrics) as channel:
        response = await ask(channel, check_request(path="/?apikey=good"))
    assert response.status.code == 13
    assert response.denied_response.status.code == 500
    assert "SECRET" not in str(response)
    assert response.dynamic_metadata["reason"] == "internal_error"
    assert metrics.answers == {("deny", "internal_error", "grpc"): 1}


async def test_a_caller_that_gives_up_harms_nobody() -> None:
    gate = Gate(RuntimeError("never reached"))
    async with face(authenticator=gate) as channel:
        call = channel.unary_unary(CHECK)(check_request().SerializeToString(), timeout=0.05)
        with pytest.raises(grpc.aio.AioRpcError):
            await call
        gate.opened.set()
        assert (await ask(channel, check_request())).denied_response.status.code == 500


async def test_a_method_that_is_not_ours_is_unimplemented() -> None:
    async with face() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await channel.unary_unary(f"/{SERVICE}/Chek")(b"")
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_is_served_beside_it(service: str) -> None:
    request = HealthCheckRequest(service=service).SerializeToString()
    async with face() as channel:
        response = await channel.unary_unary(HEALTH)(request)
    assert status(response) == HealthCheckResponse.SERVING


async def test_it_serves_on_a_socket_of_the_file_system(tmp_path: Path) -> None:
    async with face(f"unix:{tmp_path / 'socket'}") as channel:
        assert (await ask(channel, check_request())).denied_response.status.code == 401


@pytest.mark.parametrize("address", ["unix:/nonexistent/socket", "nonsense:port"])
async def test_an_address_that_cannot_be_had_is_an_error(address: str) -> None:
    with pytest.raises(OSError, match=address):
        async with face(address):
            pass


async def test_a_port_that_another_program_has_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OSError, match=address):
            async with face(address):
                pass


async def test_workers_share_a_port() -> None:
    async with (
        serving_on(ANY_PORT, authenticator=known()) as first,
        serving_on(first, authenticator=known()) as second,
        grpc.aio.insecure_channel(second) as channel,
    ):
        assert first == second
        assert (await ask(channel, check_request())).denied_response.status.code == 401


async def test_leaving_says_not_serving_first_and_finishes_what_is_under_way() -> None:
    gate = Gate(RuntimeError("an answer, though late"))
    serving = serving_on(ANY_PORT, authenticator=gate)
    async with grpc.aio.insecure_channel(await serving.__aenter__()) as channel:
        watch = channel.unary_stream(WATCH)(b"")
        assert status(await watch.read()) == HealthCheckResponse.SERVING
        under_way = asyncio.create_task(ask(channel, check_request()))
        await eventually(lambda: gate.waiting, "the check to arrive")
        leaving = asyncio.create_task(serving.__aexit__(None, None, None))
        assert status(await watch.read()) == HealthCheckResponse.NOT_SERVING
        assert await watch.read() is grpc.aio.EOF
        await eventually(lambda: is_gone(channel), "the server to take no more checks")
        assert not leaving.done()
        gate.opened.set()
        assert (await under_way).denied_response.status.code == 500
        await leaving


async def test_nobody_is_waited_for_who_does_not_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_seconds: float) -> None:
        raise AssertionError("a pause")

    async with serving_on(ANY_PORT, authenticator=known()):
        monkeypatch.setattr("authsvc.extauthz.grpc.asyncio.sleep", refuse)


def serving_on(
    address: str, *, authenticator: object, metrics: NullMetrics | None = None
) -> AbstractAsyncContextManager[str]:
    return serve_face(  # noqa: F821 - one of the two, see above
        address,
        authenticator=authenticator,  # type: ignore[arg-type]  # doubles
        metrics=metrics or NullMetrics(),
        drain_seconds=0.1,
    )


async def is_gone(channel: grpc.aio.Channel) -> bool:
    try:
        await channel.unary_unary(HEALTH)(b"", timeout=5)
    except grpc.aio.AioRpcError as error:
        return error.code() == grpc.StatusCode.UNAVAILABLE
    return False


def status(payload: bytes) -> int:
    return HealthCheckResponse.FromString(payload).status
