"""The straightforward server: grpc.aio, generated stubs, a dict of keys, an answer built per call.

What a service looks like that was written from Envoy's published API and grpcio's tutorial. It is
spared what a real one needs: keys are in clear, nothing expires, nothing is counted or logged.
"""

import asyncio

import grpc
import grpc.aio
from envoy.config.core.v3.base_pb2 import HeaderValue, HeaderValueOption
from envoy.service.auth.v3 import external_auth_pb2_grpc
from envoy.service.auth.v3.external_auth_pb2 import (
    CheckRequest,
    CheckResponse,
    DeniedHttpResponse,
    OkHttpResponse,
)
from envoy.type.v3.http_status_pb2 import HttpStatus
from google.protobuf.struct_pb2 import Struct
from google.rpc.status_pb2 import Status

from authsvc.identity_headers import headers_to_remove
from bench.contenders.answers import BODY, allow_headers, allow_metadata
from bench.contenders.serving import announce_and_wait, run
from bench.traffic import KEY_HEADER, Caller, callers

SERVING = b"\x08\x01"  # a grpc.health.v1.HealthCheckResponse
_OVERWRITE = HeaderValueOption.HeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD


class Authorization(external_auth_pb2_grpc.AuthorizationServicer):
    """Looks the key up in a dict."""

    def __init__(self) -> None:
        self._callers = {caller.key: caller for caller in callers()}

    async def Check(self, request: CheckRequest, context: object) -> CheckResponse:  # noqa: ARG002, N802 - the stub's signature
        http = request.attributes.request.http
        headers = {header.key: header.raw_value for header in http.header_map.headers}
        caller = self._callers.get(headers.get(KEY_HEADER, b"").decode())
        names = {**request.attributes.context_extensions, "authority": http.host}
        return allowed(caller, names) if caller else denied()


def allowed(caller: Caller, names: dict[str, str]) -> CheckResponse:
    """Build the answer that lets a caller through."""
    headers = allow_headers(caller)
    metadata = Struct()
    metadata.update(allow_metadata(caller, **names))
    return CheckResponse(
        status=Status(code=0),
        ok_response=OkHttpResponse(
            headers=[
                HeaderValueOption(
                    header=HeaderValue(key=name, value=value), append_action=_OVERWRITE
                )
                for name, value in headers.items()
            ],
            headers_to_remove=[*headers_to_remove(headers), KEY_HEADER],
        ),
        dynamic_metadata=metadata,
    )


def denied() -> CheckResponse:
    """Build the answer that refuses an unknown key."""
    return CheckResponse(
        status=Status(code=16),
        denied_response=DeniedHttpResponse(status=HttpStatus(code=401), body=BODY),
    )


def always_healthy() -> grpc.GenericRpcHandler:
    """Return what answers the health checks of the Envoy configuration that all are asked by."""

    async def check(request: bytes, context: object) -> bytes:  # noqa: ARG001 - grpc.aio's signature
        return SERVING

    handlers = {"Check": grpc.unary_unary_rpc_method_handler(check)}
    return grpc.method_handlers_generic_handler("grpc.health.v1.Health", handlers)


async def serve() -> None:
    """Serve until standard input ends."""
    server = grpc.aio.server()
    external_auth_pb2_grpc.add_AuthorizationServicer_to_server(Authorization(), server)
    server.add_generic_rpc_handlers((always_healthy(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await announce_and_wait(port)
    await server.stop(None)


if __name__ == "__main__":
    run(serve, runner=asyncio.run)
