"""A real ext_authz server on a port of its own, whose answers the test writes."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import grpc

from authsvc.extauthz.pb import extauthz_pb2, health_pb2

Answer = Callable[[extauthz_pb2.CheckRequest], extauthz_pb2.CheckResponse]

_OVERWRITE = extauthz_pb2.HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD


def allow(
    *, set_headers: dict[str, str] | None = None, remove: tuple[str, ...] = ()
) -> extauthz_pb2.CheckResponse:
    response = extauthz_pb2.CheckResponse()
    for name, value in (set_headers or {}).items():
        option = response.ok_response.headers.add(append_action=_OVERWRITE)
        option.header.key, option.header.value = name, value
    response.ok_response.headers_to_remove.extend(remove)
    return response


def deny(status: int = 401) -> extauthz_pb2.CheckResponse:
    response = extauthz_pb2.CheckResponse()
    response.status.code = 16
    response.denied_response.status.code = status
    return response


@dataclass
class CheckService:
    """``answer`` may be replaced at any time; ``seen`` and ``payloads`` hold every request."""

    answer: Answer = field(default=lambda _request: allow())
    seen: list[extauthz_pb2.CheckRequest] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)

    async def check(self, payload: bytes, _context: object) -> bytes:
        request = extauthz_pb2.CheckRequest.FromString(payload)
        self.seen.append(request)
        self.payloads.append(payload)
        return self.answer(request).SerializeToString()


@asynccontextmanager
async def running_check_service(service: CheckService) -> AsyncIterator[int]:
    server = grpc.aio.server()
    _add_method(server, "envoy.service.auth.v3.Authorization", service.check)
    add_health(server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def add_health(server: grpc.aio.Server) -> None:
    """Say that every service is serving."""
    _add_method(server, "grpc.health.v1.Health", _serving)


def _add_method(server: grpc.aio.Server, service: str, check: object) -> None:
    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


async def _serving(_payload: bytes, _context: object) -> bytes:
    serving = health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)
    return serving.SerializeToString()
