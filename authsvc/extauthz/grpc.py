"""The ext_authz face on grpcio: raw bytes in and out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from authsvc.authenticator import Authenticator
from authsvc.extauthz.checks import MAX_MESSAGE_LENGTH, SERVICE, Checks
from authsvc.extauthz.extproc import SERVICE as BODY_SERVICE
from authsvc.extauthz.extproc import BodyHider
from authsvc.extauthz.grpc_handlers import body_handler, check_handler, health_handler
from authsvc.extauthz.health import Health
from authsvc.metrics import AuthMetrics

DRAIN_SECONDS = 4.0  # several health check intervals of the generated configuration
STOP_SECONDS = 5.0  # for checks under way


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
    server = _make_server(address)
    server.add_generic_rpc_handlers(
        (
            check_handler(Checks(authenticator=authenticator, metrics=metrics)),
            body_handler(BodyHider(authenticator=authenticator)),
            health_handler(health),
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
