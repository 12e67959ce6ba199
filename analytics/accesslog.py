"""The gRPC face: Envoy's access log streams in, and grpc.health.v1.

What callers can rely on, strongest first:

1. A stream is always read: a message is handed on at once, and nothing is ever waited for.
   Streams, and those who ask for the health, take turns between the portions of large messages.
2. Leaving drains: health says NOT_SERVING first and those who watch it get time to notice, so
   that Envoy keeps its entries; then streams are ended from here, which loses less than a broken
   connection does.
3. A stream that has become old is ended in the same way, so that Envoys that connected long ago
   spread over servers that were started since.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Protocol, TypeAlias

import grpc

from analytics.codec import END_OF_STREAM, decode_health_request, encode_health
from analytics.errors import ListenError
from analytics.health import Health
from analytics.metrics import AnalyticsMetrics

SERVICE = "envoy.service.accesslog.v3.AccessLogService"
MAX_MESSAGE_LENGTH = 16 * 1024 * 1024  # bytes; Envoy sends about its buffer_size_bytes
MAX_STREAM_AGE = 600.0  # seconds
DRAIN_SECONDS = 3.0  # several health check intervals of the generated configuration
STOP_SECONDS = 2.0  # for streams to end

_LULL = 0.2  # seconds without a message: nothing is likely to be under way
_LAST_MESSAGES = 1.0  # seconds in which a stream that is to end may still have messages
_HEALTH_SERVICE = "grpc.health.v1.Health"
_Context = grpc.aio.ServicerContext[bytes, bytes]
_Methods: TypeAlias = "dict[str, grpc.RpcMethodHandler[bytes, bytes]]"  # generic to checkers only


class MessageSink(Protocol):
    """Takes the messages of one stream."""

    def portions(self, message: bytes) -> Iterator[None]:
        """Take one message, with a stop between its portions; never raises, never waits.

        Whoever takes the first step takes all of them.
        """


class StreamFace(Protocol):
    """Other streams that Envoy sends to the same address."""

    @property
    def handler(self) -> grpc.GenericRpcHandler:
        """The handler to register with the server."""

    def end_streams(self) -> None:
        """Let every stream end, now and from now on."""


class AccessLogHandler:
    """Reads access log streams."""

    def __init__(
        self,
        *,
        open_stream: Callable[[], MessageSink],
        metrics: AnalyticsMetrics,
        max_stream_age: float,
    ) -> None:
        self._open_stream = open_stream
        self._metrics = metrics
        self._max_stream_age = max_stream_age
        self._count = 0
        self._ending = asyncio.Event()

    def end_streams(self) -> None:
        """Let every stream end, now and from now on."""
        self._ending.set()

    async def stream(self, _requests: AsyncIterator[bytes], context: _Context) -> bytes:
        """Read a stream until Envoy ends it, or it is time to end it."""
        reader = _Reader(context, self._open_stream())
        reading = asyncio.create_task(reader.read())
        ending = asyncio.create_task(self._ending.wait())
        # Not all streams of an Envoy, which began together, are to end together.
        age = self._max_stream_age * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        self._change_count(1)
        try:
            await asyncio.wait({reading, ending}, timeout=age, return_when=asyncio.FIRST_COMPLETED)
            await _lull(reader, reading)
        finally:
            self._change_count(-1)
            ending.cancel()
            reading.cancel()
            await asyncio.wait({reading})
        if not reading.cancelled():
            reading.result()  # a fault of ours is not hidden
        return END_OF_STREAM

    def _change_count(self, change: int) -> None:
        self._count += change
        self._metrics.streams(self._count)


class _Reader:
    """Reads one stream to its end; what it has begun to hand on it hands on whole."""

    def __init__(self, context: _Context, sink: MessageSink) -> None:
        self.messages = 0
        self._context = context
        self._sink = sink

    async def read(self) -> None:
        while isinstance(message := await self._context.read(), bytes):  # else grpc.aio.EOF
            self.messages += 1
            portions = self._sink.portions(message)
            try:
                for _ in portions:
                    await asyncio.sleep(0)
            finally:
                for _ in portions:
                    pass


async def _lull(reader: _Reader, reading: asyncio.Task[None]) -> None:
    """Wait until a stream that is to end has no message under way, within limits."""
    over = time.monotonic() + _LAST_MESSAGES
    seen = None
    while not reading.done() and reader.messages != seen and time.monotonic() < over:
        seen = reader.messages
        await asyncio.wait({reading}, timeout=_LULL)


class HealthHandler:
    """Answers grpc.health.v1."""

    def __init__(self, health: Health) -> None:
        self._health = health

    async def check(self, payload: bytes, context: _Context) -> bytes:
        """Return the status of a service, or NOT_FOUND."""
        status = self._health.status_of(decode_health_request(payload))
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return encode_health(serving=status)

    async def watch(self, payload: bytes, _context: _Context) -> AsyncIterator[bytes]:
        """Yield the status of a service now and with each change."""
        async for status in self._health.watch(decode_health_request(payload)):
            yield encode_health(serving=status)


@asynccontextmanager
async def serve(
    address: str,
    *,
    open_stream: Callable[[], MessageSink],
    metrics: AnalyticsMetrics,
    max_stream_age: float = MAX_STREAM_AGE,
    drain_seconds: float = DRAIN_SECONDS,
    beside: StreamFace | None = None,
) -> AsyncIterator[str]:
    """Take access logs on ``host:port`` or ``unix:/path`` until left; yield the address.

    Args:
        address: Where to listen; with port 0 a free one, which is in what is yielded.
        open_stream: Called for each stream.
        metrics: Who counts.
        max_stream_age: Seconds after which a stream is ended, more or less.
        drain_seconds: How long to wait, if anybody watches the health, before streams are ended.
        beside: What else is served here; None: nothing.

    Raises:
        ListenError: The address cannot be listened on.
    """
    handler = AccessLogHandler(
        open_stream=open_stream, metrics=metrics, max_stream_age=max_stream_age
    )
    health = Health(SERVICE)
    server = _server(handler, HealthHandler(health))
    if beside is not None:
        server.add_generic_rpc_handlers((beside.handler,))
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        raise ListenError(f"cannot listen on {address}") from None
    await server.start()
    health.set_serving(serving=True)
    try:
        yield address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
    finally:
        health.set_serving(serving=False)
        if health.is_watched:
            await asyncio.sleep(drain_seconds)
        handler.end_streams()
        if beside is not None:
            beside.end_streams()
        health.end()
        await server.stop(STOP_SECONDS)


def _server(handler: AccessLogHandler, health: HealthHandler) -> grpc.aio.Server:
    server = grpc.aio.server(
        options=[
            # Two processes must not share the port unnoticed: each would get half of the streams.
            ("grpc.so_reuseport", 0),
            ("grpc.max_receive_message_length", MAX_MESSAGE_LENGTH),
            # Envoy asks often whether we are there; by default that would end the connection.
            ("grpc.http2.max_ping_strikes", 0),
        ]
    )
    streams: _Methods = {"StreamAccessLogs": grpc.stream_unary_rpc_method_handler(handler.stream)}
    checks: _Methods = {
        "Check": grpc.unary_unary_rpc_method_handler(health.check),
        "Watch": grpc.unary_stream_rpc_method_handler(health.watch),
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, streams),
            grpc.method_handlers_generic_handler(_HEALTH_SERVICE, checks),
        )
    )
    return server
