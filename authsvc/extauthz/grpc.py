"""The ext_authz face on grpcio: raw bytes in and out, every answer inside an OK rpc.

A failed rpc makes Envoy apply ``failure_mode_allow``, which may be open; a well-formed denial
never is.  So nothing that happens to one request may end its rpc.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import structlog

from authsvc.answer import answer, check
from authsvc.authenticator import Authenticator
from authsvc.decision import Deny, DenyReason
from authsvc.extauthz.codec import CodecError, decode, encode
from authsvc.extauthz.extproc import SERVICE as BODY_SERVICE
from authsvc.extauthz.extproc import BodyHider
from authsvc.extauthz.health import Health
from authsvc.metrics import AuthMetrics
from authsvc.request import Request

SERVICE = "envoy.service.auth.v3.Authorization"
MAX_MESSAGE_LENGTH = 4 * 1024 * 1024  # bytes; a body of Envoy's default buffer fits four times
DRAIN_SECONDS = 4.0  # several health check intervals of the generated configuration
STOP_SECONDS = 5.0  # for checks under way

_log = structlog.get_logger(__name__)
_INTERNAL_ERROR = encode(answer(Deny(DenyReason.INTERNAL_ERROR), None))


class CheckHandler:
    """Answers Check."""

    def __init__(self, *, authenticator: Authenticator, metrics: AuthMetrics) -> None:
        self._authenticator = authenticator
        self._metrics = metrics

    async def check(
        self, payload: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]
    ) -> bytes:
        """Return the CheckResponse to a CheckRequest, whatever happens."""
        started = time.perf_counter()
        try:
            reply, kind, reason = await self._answer(payload)
        except Exception:  # noqa: BLE001 - the one boundary: a denial, never a failed rpc
            _log.exception("check failed")
            reply, kind, reason = _INTERNAL_ERROR, "deny", DenyReason.INTERNAL_ERROR
        self._metrics.checked(
            result=kind,
            reason=reason,
            transport="grpc",
            seconds=time.perf_counter() - started,
        )
        return reply

    async def _answer(self, payload: bytes) -> tuple[bytes, str, str]:
        request: Request | None = None
        try:
            request = decode(payload)
        except CodecError:
            decided = answer(Deny(DenyReason.BAD_REQUEST), None)
        else:
            decided = await check(request, self._authenticator)
        return encode(decided), decided.kind, str(decided.metadata["reason"])


@asynccontextmanager
async def serve(
    address: str,
    *,
    authenticator: Authenticator,
    metrics: AuthMetrics,
    drain_seconds: float = DRAIN_SECONDS,
) -> AsyncIterator[str]:
    """Serve Check and health on ``host:port`` or ``unix:/path`` until left; yield the address.

    Other processes may serve on the same TCP port. Leaving drains: health says NOT_SERVING first,
    who watches it gets time to notice, and checks under way are finished.

    Raises:
        OSError: The address cannot be listened on.
    """
    health = Health(SERVICE, BODY_SERVICE)
    handler = CheckHandler(authenticator=authenticator, metrics=metrics)
    server = _make_server(address)
    methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Check": grpc.unary_unary_rpc_method_handler(handler.check)
    }
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(SERVICE, methods),
            BodyHider(authenticator=authenticator).handler,
            health.handler,
        )
    )
    try:
        port = server.add_insecure_port(address)
    except RuntimeError:
        raise OSError(f"cannot listen on {address}") from None
    await server.start()
    health.set_serving(serving=True)
    try:
        yield address if address.startswith("unix:") else f"{address.rpartition(':')[0]}:{port}"
    finally:
        health.set_serving(serving=False)
        try:
            if health.is_watched:
                await asyncio.sleep(drain_seconds)
        finally:
            health.end_watches()
            await server.stop(STOP_SECONDS)


def _make_server(address: str) -> grpc.aio.Server:
    return grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0 if address.startswith("unix:") else 1),
            ("grpc.max_receive_message_length", MAX_MESSAGE_LENGTH),
        ]
    )
