"""Our methods as grpcio wants them. The fast lane serves the same without it."""

from collections.abc import AsyncIterator

import grpc

from authsvc.extauthz.checks import SERVICE, Checks
from authsvc.extauthz.extproc import SERVICE as BODY_SERVICE
from authsvc.extauthz.extproc import BodyHider
from authsvc.extauthz.health import HEALTH_SERVICE, Health


def check_handler(checks: Checks) -> grpc.GenericRpcHandler:
    """Return what answers Check."""

    async def check(payload: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return await checks.check(payload)

    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Check": grpc.unary_unary_rpc_method_handler(check)
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def body_handler(bodies: BodyHider) -> grpc.GenericRpcHandler:
    """Return what takes keys out of bodies."""

    async def process(
        messages: AsyncIterator[bytes], _context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        async for response in bodies.process(messages):
            yield response

    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Process": grpc.stream_stream_rpc_method_handler(process)
    }
    return grpc.method_handlers_generic_handler(BODY_SERVICE, methods)


def health_handler(health: Health) -> grpc.GenericRpcHandler:
    """Return what tells of the server's health."""

    async def check(payload: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        answer = health.check(payload)
        if answer is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return answer

    async def watch(
        payload: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> AsyncIterator[bytes]:
        async for answer in health.watch(payload):
            yield answer

    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Check": grpc.unary_unary_rpc_method_handler(check),
        "Watch": grpc.unary_stream_rpc_method_handler(watch),
    }
    return grpc.method_handlers_generic_handler(HEALTH_SERVICE, methods)
