"""The server on a socket, asked by grpcio's client, which is not ours."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import grpc
import pytest
from hpack import Decoder, Encoder

from authsvc.extauthz.fastlane import frames as f
from authsvc.extauthz.fastlane.calls import Calls
from authsvc.extauthz.fastlane.faults import CANCEL
from authsvc.extauthz.fastlane.grpc_wire import CallError, Status, prefixed
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.methods import Methods, Streaming, Unary
from authsvc.extauthz.fastlane.server import Server, listen
from authsvc.extauthz.turns import Postponed, Turns
from tests.deadline import eventually
from tests.fakes.http2_peer import HEADERS, split

MAX = 100_000


class Methodist:
    """Methods whose answers can be held back."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.under_way = 0
        self.cancelled = 0

    def echo(self, message: bytes) -> bytes:
        return message

    async def _held(self, message: bytes) -> bytes:
        self.under_way += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
        return message

    def hold(self, message: bytes) -> object:
        return self._held(message)

    async def cancelled_elsewhere(self, _message: bytes) -> bytes:
        raise asyncio.CancelledError

    def fail(self, _message: bytes) -> bytes:
        raise ValueError("a secret")

    def refuse(self, _message: bytes) -> bytes:
        raise CallError(Status.NOT_FOUND, "not here: 100 %")

    async def double(self, messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for message in messages:
            yield message * 2

    async def count(self, messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for message in messages:
            wanted = int(message)
        for number in range(wanted):
            yield b"%d" % number
        raise CallError(Status.NOT_FOUND, "no more")

    @property
    def methods(self) -> Methods:
        return {
            b"/test.Service/Echo": Unary(self.echo),
            b"/test.Service/Hold": Unary(self.hold),
            b"/test.Service/Elsewhere": Unary(self.cancelled_elsewhere),
            b"/test.Service/Fail": Unary(self.fail),
            b"/test.Service/Refuse": Unary(self.refuse),
            b"/test.Service/Double": Streaming(self.double),
            b"/test.Service/Count": Streaming(self.count),
        }


@pytest.fixture
def served() -> Methodist:
    return Methodist()


@pytest.fixture
def server(served: Methodist) -> Server:
    return Server(served.methods, limits=Limits(message_size=MAX))


@pytest.fixture
async def channel(server: Server) -> AsyncIterator[grpc.aio.Channel]:
    async with listen(server, "127.0.0.1:0") as address, grpc.aio.insecure_channel(address) as made:
        yield made
    await server.drain(grace=0.0, limit=0.0)


def unary(channel: grpc.aio.Channel, method: str) -> grpc.aio.UnaryUnaryMultiCallable:
    return channel.unary_unary(f"/test.Service/{method}")


async def refused(call: grpc.aio.UnaryUnaryCall) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


async def test_calls_are_answered_many_at_once_and_in_any_size(channel: grpc.aio.Channel) -> None:
    messages = [b"%d" % number * (number % 50 * 40) for number in range(500)]

    assert await asyncio.gather(*map(unary(channel, "Echo"), messages)) == messages
    assert await unary(channel, "Echo")(bytes(MAX)) == bytes(MAX)


async def test_a_slow_call_does_not_hold_up_the_others(
    channel: grpc.aio.Channel, served: Methodist
) -> None:
    held = unary(channel, "Hold")(b"later")
    await eventually(lambda: served.under_way == 1, "the call")

    assert await unary(channel, "Echo")(b"now") == b"now"
    served.may_answer.set()
    assert await held == b"later"


async def test_an_unknown_method_is_unimplemented(channel: grpc.aio.Channel) -> None:
    assert (await refused(unary(channel, "Missing")(b""))).code() == (grpc.StatusCode.UNIMPLEMENTED)


async def test_a_message_above_the_limit_exhausts(channel: grpc.aio.Channel) -> None:
    error = await refused(unary(channel, "Echo")(bytes(MAX + 1)))

    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await unary(channel, "Echo")(b"next") == b"next"


async def test_a_compressed_message_is_unimplemented(channel: grpc.aio.Channel) -> None:
    call = unary(channel, "Echo")(b"a" * 1000, compression=grpc.Compression.Gzip)

    assert (await refused(call)).code() == grpc.StatusCode.UNIMPLEMENTED


async def test_a_method_that_fails_says_nothing_of_why(channel: grpc.aio.Channel) -> None:
    error = await refused(unary(channel, "Fail")(b""))

    assert error.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in error.details()


async def test_a_method_that_refuses_says_why(channel: grpc.aio.Channel) -> None:
    error = await refused(unary(channel, "Refuse")(b""))

    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "not here: 100 %")


async def test_a_deadline_ends_a_call_on_the_server_too(
    channel: grpc.aio.Channel, served: Methodist
) -> None:
    error = await refused(unary(channel, "Hold")(b"", timeout=0.05))

    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: served.under_way == 0, "its end")


async def test_a_call_that_is_taken_back_is_cancelled(
    channel: grpc.aio.Channel, served: Methodist
) -> None:
    call = unary(channel, "Hold")(b"")
    await eventually(lambda: served.under_way == 1, "the call")

    call.cancel()

    await eventually(lambda: served.cancelled == 1, "its end")


async def test_a_connection_that_is_lost_cancels_its_calls(
    channel: grpc.aio.Channel, served: Methodist
) -> None:
    call = unary(channel, "Hold")(b"")
    await eventually(lambda: served.under_way == 1, "the call")

    await channel.close()

    await eventually(lambda: served.cancelled == 1, "its end")
    assert call.cancelled()


async def test_streams_go_both_ways(channel: grpc.aio.Channel) -> None:
    call = channel.stream_stream("/test.Service/Double")()
    for number in range(5):
        await call.write(b"%d" % number)
        assert await call.read() == b"%d" % number * 2
    await call.write(bytes(MAX))
    assert await call.read() == bytes(2 * MAX)
    await call.done_writing()

    assert await call.read() == grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK


async def test_a_stream_can_end_with_a_status(channel: grpc.aio.Channel) -> None:
    call = channel.unary_stream("/test.Service/Count")(b"3")
    found = []

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        found.extend([message async for message in call])

    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_draining_finishes_what_is_under_way(served: Methodist, server: Server) -> None:
    async with listen(server, "127.0.0.1:0") as address:
        channel = grpc.aio.insecure_channel(address)
        held = unary(channel, "Hold")(b"held")
        await eventually(lambda: served.under_way == 1, "the call")

    draining = asyncio.create_task(server.drain(grace=0.05))
    await asyncio.sleep(0)
    assert not draining.done()
    served.may_answer.set()

    assert await held == b"held"
    await draining
    assert server.connections == 0
    await channel.close()


async def test_draining_ends_what_takes_too_long(served: Methodist, server: Server) -> None:
    async with listen(server, "127.0.0.1:0") as address:
        channel = grpc.aio.insecure_channel(address)
        held = unary(channel, "Hold")(b"held")
        await eventually(lambda: served.under_way == 1, "the call")

    await server.drain(grace=0.0, limit=0.05)

    assert (await refused(held)).code() in {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
    }
    assert served.cancelled == 1
    await channel.close()


async def test_a_unix_socket_serves_too(server: Server, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/check.sock"
    async with listen(server, address) as bound, grpc.aio.insecure_channel(address) as channel:
        assert bound == address
        assert await unary(channel, "Echo")(b"hi") == b"hi"
    await server.drain(grace=0.0, limit=0.0)


async def test_two_servers_share_a_port(served: Methodist, server: Server) -> None:
    async with (
        listen(server, "127.0.0.1:0") as address,
        listen(Server(served.methods, limits=Limits()), address) as same,
    ):
        assert same == address


async def test_what_is_not_http2_is_told_so_and_closed(server: Server) -> None:
    async with listen(server, "127.0.0.1:0") as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")

        said = await reader.read()

        assert f.frame_header(0, f.GOAWAY, 0, 0)[3:4] in said
        writer.close()
        await writer.wait_closed()
    await eventually(lambda: server.connections == 0, "the end of the connection")


async def test_a_call_whose_work_is_cancelled_by_others_is_answered(
    channel: grpc.aio.Channel,
) -> None:
    error = await refused(unary(channel, "Elsewhere")(b"", timeout=20))

    assert error.code() == grpc.StatusCode.UNAVAILABLE


async def test_a_call_that_is_taken_back_in_the_same_read_leaves_nothing(
    served: Methodist,
) -> None:
    calls = Calls(served.methods, limits=Limits(), now=0.0, flush=lambda: None)
    peer = Encoder()
    head = peer.encode(heading("Hold")), peer.encode(heading("Double"))

    calls.connection.receive(
        f.PREFACE
        + f.settings({})
        + f.frame(f.HEADERS, f.END_HEADERS, 1, head[0])
        + f.frame(f.DATA, f.END_STREAM, 1, prefixed(b"now"))
        + f.frame(f.HEADERS, f.END_HEADERS, 3, head[1])
        + f.rst_stream(1, CANCEL)
        + f.rst_stream(3, CANCEL),
        0.0,
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert calls.connection.streams == 0
    assert served.under_way == 0
    gc.collect()  # what was never awaited warns as it goes


async def test_answers_that_wait_for_their_turn_leave_together_but_for_one_taken_back() -> None:
    turns, given, writes = Turns(2), [], []

    def postpone(message: bytes) -> Postponed:
        return Postponed(turns, message, given=lambda: given.append(message))

    calls = Calls(
        {b"/test.Service/Wait": Unary(postpone)},
        limits=Limits(),
        now=0.0,
        flush=lambda: writes.append(calls.connection.outbox.take()),
    )
    peer, sent = Encoder(), f.PREFACE + f.settings({})
    for number in (1, 3, 5):
        sent += f.frame(f.HEADERS, f.END_HEADERS, number, peer.encode(heading("Wait")))
        sent += f.frame(f.DATA, f.END_STREAM, number, prefixed(b"%d" % number))
    calls.connection.receive(sent + f.rst_stream(3, CANCEL), 0.0)
    assert calls.connection.streams == 2

    await eventually(lambda: not calls.connection.streams, "all to be answered")
    await eventually(lambda: len(writes), "what was answered to leave")

    assert given == [b"1", b"5"]
    assert len(writes) == 1
    bodies = [frame.payload for frame in split(writes[0]) if frame.kind == f.DATA]
    assert bodies == [prefixed(b"1"), prefixed(b"5")]


async def test_a_stream_that_does_not_mind_its_end_says_no_more() -> None:
    async def stubborn(_messages: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        yield b"still here"

    methods = {b"/test.Service/Stubborn": Streaming(stubborn)}
    calls = Calls(methods, limits=Limits(), now=0.0, flush=lambda: None)
    block = Encoder().encode(heading("Stubborn"))
    calls.connection.receive(
        f.PREFACE + f.settings({}) + f.frame(f.HEADERS, f.END_HEADERS, 1, block), 0.0
    )
    await asyncio.sleep(0)
    calls.connection.outbox.take()
    calls.connection.receive(f.rst_stream(1, CANCEL), 0.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert calls.connection.outbox.take() == b""
    calls.connection.receive(f.window_update(0, 1), 0.0)
    assert not calls.connection.is_ended


async def test_a_peer_that_does_not_read_is_not_waited_for(served: Methodist) -> None:
    server = Server(served.methods, limits=Limits(message_size=MAX, request_seconds=0.0))
    async with listen(server, "127.0.0.1:0") as address:
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.transport.pause_reading()
        wide = f.settings({f.INITIAL_WINDOW_SIZE: f.MAX_WINDOW}) + f.window_update(0, 2**30)
        writer.write(f.PREFACE + wide)
        encoder, message = Encoder(), prefixed(bytes(16_000))
        for number in range(1000):
            block = encoder.encode(heading("Echo"))
            writer.write(
                f.frame(f.HEADERS, f.END_HEADERS, 2 * number + 1, block)
                + f.frame(f.DATA, f.END_STREAM, 2 * number + 1, message)
            )
        await eventually(lambda: server.connections == 0, "the end of the connection")
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
        del reader


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/grpc", None),
        ("application/grpc+proto", None),
        ("application/grpc; charset=utf-8", None),
        ("application/grpc-web", "415"),
        ("application/json", "415"),
    ],
)
def test_only_grpc_is_spoken(served: Methodist, content_type: str, status: str | None) -> None:
    calls = Calls(served.methods, limits=Limits(), now=0.0, flush=lambda: None)
    headers = [*heading("Echo")[:-1], ("content-type", content_type)]
    calls.connection.outbox.take()

    calls.connection.receive(
        f.PREFACE
        + f.settings({})
        + f.frame(f.HEADERS, f.END_HEADERS, 1, Encoder().encode(headers))
        + f.frame(f.DATA, f.END_STREAM, 1, prefixed(b"hello")),
        0.0,
    )

    heads = [frame for frame in split(calls.connection.outbox.take()) if frame.kind == f.HEADERS]
    assert dict(Decoder().decode(heads[0].payload))[":status"] == (status or "200")


def heading(method: str) -> list[tuple[str, str]]:
    """Return the headers of a call."""
    headers = [header for header in HEADERS if header[0] not in {":path", "content-type"}]
    return [(":path", f"/test.Service/{method}"), *headers, ("content-type", "application/grpc")]
