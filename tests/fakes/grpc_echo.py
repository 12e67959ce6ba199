"""A gRPC upstream that answers with the metadata it was sent."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

SERVICE = "test.Echo"
METHOD = f"/{SERVICE}/Say"
STREAM_SERVICE = "test.Stream"
STREAM_METHOD = f"/{STREAM_SERVICE}/Talk"


@asynccontextmanager
async def running_grpc_echo() -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1; yield it.

    Say answers with a JSON object of the metadata, Talk with each message as it comes.
    """
    server = grpc.aio.server()
    says = {"Say": grpc.unary_unary_rpc_method_handler(_say)}
    talks = {"Talk": grpc.stream_stream_rpc_method_handler(_talk)}
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, says),
            grpc.method_handlers_generic_handler(STREAM_SERVICE, talks),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def _say(_request: bytes, context: grpc.aio.ServicerContext) -> bytes:
    metadata = context.invocation_metadata() or ()
    return json.dumps({key: value for key, value in metadata if isinstance(value, str)}).encode()


async def _talk(
    messages: AsyncIterator[bytes], _context: grpc.aio.ServicerContext
) -> AsyncIterator[bytes]:
    async for message in messages:
        yield message
