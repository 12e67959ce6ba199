"""The ext_authz face on the fast lane: the same methods as the one on grpcio, the same answers."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from authsvc.authenticator import Authenticator
from authsvc.extauthz.checks import MAX_MESSAGE_LENGTH, SERVICE, Checks
from authsvc.extauthz.extproc import SERVICE as BODY_SERVICE
from authsvc.extauthz.extproc import BodyHider
from authsvc.extauthz.fastlane.build import BUILD
from authsvc.extauthz.fastlane.endings import ConnectionMetrics, NullConnectionMetrics
from authsvc.extauthz.fastlane.grpc_wire import CallError, Status
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.methods import Methods, Streaming, Unary
from authsvc.extauthz.fastlane.server import Server, listen
from authsvc.extauthz.fastlane.spreading import Neighbours
from authsvc.extauthz.health import HEALTH_SERVICE, Health
from authsvc.metrics import AuthMetrics

DRAIN_SECONDS: Final = 4.0  # several health check intervals of the generated configuration

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def serve(
    address: str,
    *,
    authenticator: Authenticator,
    metrics: AuthMetrics,
    tls: ssl.SSLContext | None = None,
    age_seconds: float | None = None,
    connections: ConnectionMetrics = NullConnectionMetrics(),  # noqa: B008 - has no state
    neighbours: Neighbours | None = None,
    drain_seconds: float = DRAIN_SECONDS,
) -> AsyncIterator[str]:
    """Serve Check, ext_proc and health until left, as ``authsvc.extauthz.grpc.serve`` does.

    Connections are asked to go after ``age_seconds``, so that a load balancer spreads them anew,
    and where ``neighbours`` on the same port have fewer; ``connections`` counts them.

    Raises:
        OSError: The address cannot be listened on.
    """
    health = Health(SERVICE, BODY_SERVICE)
    checks = Checks(authenticator=authenticator, metrics=metrics)
    methods = _methods(checks, BodyHider(authenticator=authenticator), health)
    limits = Limits(message_size=MAX_MESSAGE_LENGTH, age_seconds=age_seconds)
    server = Server(methods, limits=limits, metrics=connections)
    try:
        async with listen(server, address, tls=tls, neighbours=neighbours) as bound:
            health.set_serving(serving=True)
            _log.info("fast lane serving", address=bound, build=BUILD)
            try:
                yield bound
            finally:
                health.set_serving(serving=False)
                if health.is_watched:
                    await asyncio.sleep(drain_seconds)
    finally:
        health.end_watches()
        await server.drain()


def _methods(checks: Checks, bodies: BodyHider, health: Health) -> Methods:
    return {
        # What memory knows is answered within the same read; only the rest is waited for.
        f"/{SERVICE}/Check".encode(): Unary(checks.answer),
        f"/{BODY_SERVICE}/Process".encode(): Streaming(bodies.process),
        f"/{HEALTH_SERVICE}/Check".encode(): Unary(lambda payload: _known(health.check(payload))),
        f"/{HEALTH_SERVICE}/Watch".encode(): Streaming(lambda sent: _watch(health, sent)),
    }


def _known(answer: bytes | None) -> bytes:
    if answer is None:
        raise CallError(Status.NOT_FOUND, "unknown service")
    return answer


async def _watch(health: Health, sent: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for payload in sent:
        async for answer in health.watch(payload):
            yield answer
        return
