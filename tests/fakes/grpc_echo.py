"""A gRPC upstream that answers with the metadata it was sent."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

SERVICE = "test.Echo"
METHOD = f"/{SERVICE}/Say"


@asynccontextmanager
async def running_grpc_echo() -> AsyncIterator[int]:
    """Serve on a free port of 127.0.0.1; yield it. The answer is a JSON object of the metadata."""
    server = grpc.aio.server()
    handlers = {"Say": grpc.unary_unary_rpc_method_handler(_say)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


async def _say(_request: bytes, context: grpc.aio.ServicerContext) -> bytes:
    metadata = context.invocation_metadata() or ()
    return json.dumps({key: value for key, value in metadata if isinstance(value, str)}).encode()
