"""The load's own HTTP/2 client, against a real gRPC server: a bench must not miscount."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import grpc.aio
import pytest

from bench.connection import Connection

METHOD = "/example.Service/Ask"
MESSAGES = [b"first", b"second" * 500]
ANSWER = b"x" * 100
DEADLINE = 30  # seconds, never waited for in full

Handler = Callable[[bytes, "grpc.aio.ServicerContext[bytes, bytes]"], Awaitable[bytes]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """Serve one unary method; yield the port."""
    server = grpc.aio.server()
    methods = {"Ask": grpc.unary_unary_rpc_method_handler(handler)}
    handlers = grpc.method_handlers_generic_handler("example.Service", methods)
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def ask(port: int, *, calls: int) -> list[bool]:
    """Keep eight calls in flight until so many were answered; return which were right."""
    verdicts: list[bool] = []
    enough = asyncio.Event()

    def answered(seconds: float, right: bool) -> None:
        assert seconds > 0
        verdicts.append(right)
        if len(verdicts) >= calls:
            enough.set()

    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(
            messages=MESSAGES,
            method=METHOD,
            answer_size=len(ANSWER),
            streams=8,
            answered=answered,
        ),
        "127.0.0.1",
        port,
    )
    async with asyncio.timeout(DEADLINE):
        await enough.wait()
    connection.close()
    await connection.stopped
    return verdicts


async def echo_fixed(_request: bytes, _context: object) -> bytes:
    return ANSWER


async def answer_short(_request: bytes, _context: object) -> bytes:
    return ANSWER[1:]


async def fail(_request: bytes, context: "grpc.aio.ServicerContext[bytes, bytes]") -> bytes:
    await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")


ANSWERS: dict[str, tuple[Handler, bool]] = {
    "of the expected size": (echo_fixed, True),
    "of another size": (answer_short, False),
    "that is an error": (fail, False),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_counts_as_right_only_if_it_is_the_expected_one(name: str) -> None:
    handler, right = ANSWERS[name]
    async with serving(handler) as port:
        assert set(await ask(port, calls=100)) == {right}


async def test_every_message_is_sent_in_turn_and_whole() -> None:
    # More than the server's first window: it has to be opened again, and that be noticed.
    asked: list[bytes] = []

    async def remember(request: bytes, _context: object) -> bytes:
        asked.append(request)
        return ANSWER

    async with serving(remember) as port:
        await ask(port, calls=200)
    assert set(asked) == set(MESSAGES)
    assert abs(asked.count(MESSAGES[0]) - asked.count(MESSAGES[1])) <= 8


async def test_a_lost_connection_is_an_error_and_not_a_slow_server() -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(
                messages=MESSAGES,
                method=METHOD,
                answer_size=1,
                streams=1,
                answered=lambda _seconds, _right: None,
            ),
            "127.0.0.1",
            port,
        )
        with pytest.raises(ConnectionError):
            await asyncio.wait_for(connection.stopped, DEADLINE)
