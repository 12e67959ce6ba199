"""The gRPC face of bodies: Envoy's ext_proc filter in observability mode, one stream a request.

What callers can rely on, strongest first:

1. A stream is always read, and nothing is ever answered: Envoy has nothing to wait for.
2. A stream is ended from here once nothing more is wanted of its request.  Envoy would keep it
   open for seconds, and send all of a download.
3. A stream that Envoy does not expect to be observed only is ended at once, so that requests go on
   where the filter is configured wrongly.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import grpc

SERVICE = "envoy.service.ext_proc.v3.ExternalProcessor"
MAX_STREAM_AGE = 60.0  # seconds that a request may take until its bodies are given up

_Context = grpc.aio.ServicerContext[bytes, bytes]


class MessageSink(Protocol):
    """Takes the messages about one request."""

    def accept(self, message: bytes) -> bool:
        """Take one message; return whether more is wanted.  Never raises, never waits."""

    def close(self) -> None:
        """Nothing more comes."""


class StreamOpener(Protocol):
    """Where streams go."""

    def open_stream(self) -> MessageSink:
        """Return what takes the messages of a stream."""


class BodyFace:
    """Reads bodies; to be registered with the server that takes the access log."""

    def __init__(self, opener: StreamOpener, *, max_stream_age: float = MAX_STREAM_AGE) -> None:
        """Take where streams go, and how long one may last."""
        self._opener = opener
        self._max_stream_age = max_stream_age
        self._open: set[asyncio.Timeout] = set()
        self._is_ending = False

    @property
    def handler(self) -> grpc.GenericRpcHandler:
        """The handler to register with a server."""
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Process": grpc.stream_stream_rpc_method_handler(self._process)
        }
        return grpc.method_handlers_generic_handler(SERVICE, methods)

    def end_streams(self) -> None:
        """Let every stream end, now and from now on."""
        self._is_ending = True
        now = asyncio.get_running_loop().time()
        for timeout in self._open:
            timeout.reschedule(now)

    async def _process(self, _requests: AsyncIterator[bytes], context: _Context) -> None:
        if self._is_ending:
            return
        sink = self._opener.open_stream()
        try:
            async with asyncio.timeout(self._max_stream_age) as timeout:
                self._open.add(timeout)
                try:
                    while _wants_more(sink, await context.read()):
                        pass
                finally:
                    self._open.discard(timeout)
        except TimeoutError:
            pass
        finally:
            sink.close()


def _wants_more(sink: MessageSink, message: object) -> bool:
    return isinstance(message, bytes) and sink.accept(message)  # or it is grpc.aio.EOF
