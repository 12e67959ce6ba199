"""The face, with real gRPC clients."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import StatusCode

from analytics.accesslog import SERVICE, serve
from analytics.errors import ListenError
from tests.deadline import eventually
from tests.fakes.counting_metrics import CountingMetrics

from analytics.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse  # isort: skip

METHOD = f"/{SERVICE}/StreamAccessLogs"
HEALTH = "/grpc.health.v1.Health/"
LARGE = b"large"
SERVING, NOT_SERVING = HealthCheckResponse.SERVING, HealthCheckResponse.NOT_SERVING


class Sinks:
    """What was taken from each stream; ``LARGE`` has as many portions as are wanted."""

    def __init__(self) -> None:
        self.taken: list[list[bytes]] = []
        self.portions = 1_000_000  # of LARGE
        self.is_whole = False  # LARGE, once it was taken

    def open(self) -> "Sink":
        self.taken.append([])
        return Sink(self, self.taken[-1])


class Sink:
    def __init__(self, sinks: Sinks, taken: list[bytes]) -> None:
        self._sinks = sinks
        self._taken = taken

    def portions(self, message: bytes) -> Iterator[None]:
        self._taken.append(message)
        yield
        if message == LARGE:
            number = 0
            while (number := number + 1) < self._sinks.portions:
                yield
            self._sinks.is_whole = True


class Face:
    """A served face and a client of it."""

    def __init__(self, address: str, sinks: Sinks, metrics: CountingMetrics) -> None:
        self.address = address
        self.sinks = sinks
        self.metrics = metrics
        self.channel = grpc.aio.insecure_channel(address)

    def stream(self) -> Any:
        return self.channel.stream_unary(METHOD)()

    async def check(self, service: str) -> int:
        request = HealthCheckRequest(service=service).SerializeToString()
        answer = await self.channel.unary_unary(HEALTH + "Check")(request)
        return HealthCheckResponse.FromString(answer).status

    def watch(self, service: str) -> Any:
        request = HealthCheckRequest(service=service).SerializeToString()
        return self.channel.unary_stream(HEALTH + "Watch")(request)

    async def took(self, condition: Callable[[list[list[bytes]]], bool]) -> None:
        await eventually(lambda: condition(self.sinks.taken), "messages")


@asynccontextmanager
async def face(address: str = "127.0.0.1:0", **options: Any) -> AsyncIterator[Face]:
    sinks, metrics = Sinks(), CountingMetrics()
    options = {"drain_seconds": 0.0} | options
    async with serve(address, open_stream=sinks.open, metrics=metrics, **options) as bound:
        built = Face(bound, sinks, metrics)
        try:
            yield built
        finally:
            await built.channel.close()


async def test_each_stream_has_a_sink_of_its_own() -> None:
    async with face() as it:
        one, two = it.stream(), it.stream()
        await one.write(b"1a")
        await one.write(b"1b")
        await two.write(b"2a")
        await it.took(lambda taken: sorted(map(sorted, taken)) == [[b"1a", b"1b"], [b"2a"]])
        assert it.metrics.open_streams == 2
        await one.done_writing()
        assert await one == b""
        await eventually(lambda: it.metrics.open_streams == 1, "the end of a stream")


async def test_messages_may_be_large() -> None:
    async with face() as it:
        stream = it.stream()
        await stream.write(b"x" * (15 * 1024 * 1024))
        await it.took(lambda taken: bool(taken and taken[0]))


async def test_a_client_that_breaks_off_does_no_harm() -> None:
    async with face() as it:
        broken = it.stream()
        await broken.write(b"1")
        await it.took(lambda taken: taken == [[b"1"]])
        broken.cancel()
        await eventually(lambda: it.metrics.open_streams == 0, "the end of the stream")
        await it.stream().write(b"2")
        await it.took(lambda taken: taken == [[b"1"], [b"2"]])


async def test_an_old_stream_is_ended_from_here() -> None:
    async with face(max_stream_age=0.05) as it:
        stream = it.stream()
        await stream.write(b"1")
        async with asyncio.timeout(20):
            assert await stream == b""
        assert await stream.code() is StatusCode.OK
        assert it.sinks.taken == [[b"1"]]


async def test_an_old_stream_that_never_pauses_is_ended_too() -> None:
    async with face(max_stream_age=0.05) as it:
        stream = it.stream()
        sent = 0
        async with asyncio.timeout(20):
            while not stream.done():
                try:
                    await stream.write(b"x")
                except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    break
                sent += 1
                await asyncio.sleep(0.01)
        assert await stream.code() is StatusCode.OK
        assert len(it.sinks.taken[0]) > 3
        assert sent


async def test_others_have_their_turn_while_a_large_message_is_taken() -> None:
    async with face() as it:
        await it.stream().write(LARGE)
        await it.took(lambda taken: taken == [[LARGE]])
        await it.stream().write(b"2")
        await it.took(lambda taken: taken == [[LARGE], [b"2"]])
        assert await it.check("") == SERVING
        assert not it.sinks.is_whole
        it.sinks.portions = 0
        await eventually(lambda: it.sinks.is_whole, "the last portion")


async def test_a_message_is_taken_whole_even_if_its_stream_breaks() -> None:
    async with face() as it:
        broken = it.stream()
        await broken.write(LARGE)
        await it.took(lambda taken: taken == [[LARGE]])
        broken.cancel()
        await eventually(lambda: it.sinks.is_whole, "the last portion")


async def test_health_is_told() -> None:
    async with face() as it:
        assert await it.check("") == SERVING
        assert await it.check(SERVICE) == SERVING
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await it.check("a.B")
        assert caught.value.code() is StatusCode.NOT_FOUND


async def test_an_unknown_service_may_be_watched() -> None:
    async with face() as it:
        first = await it.watch("a.B").read()
        assert HealthCheckResponse.FromString(first).status == HealthCheckResponse.SERVICE_UNKNOWN


async def test_leaving_drains() -> None:
    seen: list[Any] = []

    async def watch(it: Face) -> None:
        async for answer in it.watch(SERVICE):
            seen.append(HealthCheckResponse.FromString(answer).status)
            if seen[-1] == NOT_SERVING:
                # Streams go on while who watches may notice.
                await stream.write(b"late")

    sinks, metrics = Sinks(), CountingMetrics()
    async with serve(
        "127.0.0.1:0", open_stream=sinks.open, metrics=metrics, drain_seconds=0.3
    ) as address:
        it = Face(address, sinks, metrics)
        stream = it.stream()
        await stream.write(b"early")
        watching = asyncio.create_task(watch(it))
        await eventually(lambda: seen == [SERVING] and sinks.taken == [[b"early"]], "a stream")
    async with asyncio.timeout(20):
        assert await stream == b""
        await watching
    assert seen == [SERVING, NOT_SERVING]
    assert sinks.taken == [[b"early", b"late"]]
    assert metrics.open_streams == 0
    await it.channel.close()


async def test_leaving_does_not_wait_when_nobody_watches() -> None:
    async with asyncio.timeout(20):
        async with face(drain_seconds=3600.0) as it:
            stream = it.stream()
            await stream.write(b"1")
            await it.took(lambda taken: taken == [[b"1"]])


async def test_a_unix_socket_will_do(tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/log.sock"
    async with face(address) as it:
        assert it.address == address
        assert await it.check("") == SERVING


async def test_a_taken_port_is_one_clear_error() -> None:
    async with face() as it:
        with pytest.raises(ListenError, match=it.address):
            async with face(it.address):
                pass


@pytest.mark.parametrize("path", [METHOD[1:], "/x/StreamAccessLogs", f"/{SERVICE}/Other", "/"])
async def test_other_methods_are_not_known(path: str) -> None:
    async with face() as it:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await it.channel.unary_unary(path)(b"")
        assert caught.value.code() is StatusCode.UNIMPLEMENTED
