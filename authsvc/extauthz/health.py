"""grpc.health.v1.Health for a server: Check and Watch, and when to wait before going away."""

import asyncio
import time
from collections.abc import AsyncIterator

from google.protobuf.message import DecodeError

from authsvc.extauthz.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse

_Status = HealthCheckResponse.ServingStatus
HEALTH_SERVICE = "grpc.health.v1.Health"
_ASKED_LATELY = 30.0  # seconds


class Health:
    """The state of a server's services, and what tells it.

    ``""`` stands for the server as a whole.
    """

    def __init__(self, *services: str) -> None:
        self._services = frozenset({"", *services})
        self._serving = False
        self._ended = False
        self._watchers = 0
        self._changed = asyncio.Event()
        self._asked_at = float("-inf")

    @property
    def is_watched(self) -> bool:
        """Whether anybody watches, or asked within the last half minute: who notices a change."""
        return self._watchers > 0 or time.monotonic() - self._asked_at < _ASKED_LATELY

    def set_serving(self, *, serving: bool) -> None:
        """Change the state of all services, and tell those who watch."""
        self._serving = serving
        self._changed.set()
        self._changed = asyncio.Event()

    def end_watches(self) -> None:
        """End every watch, now and later: one that goes on keeps its server from stopping."""
        self._ended = True
        self._changed.set()

    def check(self, payload: bytes) -> bytes | None:
        """Return the answer to Check, or None: NOT_FOUND, the service is not known."""
        status = self._status_of(payload)
        if status == _Status.SERVICE_UNKNOWN:
            return None
        return HealthCheckResponse(status=status).SerializeToString()

    async def watch(self, payload: bytes) -> AsyncIterator[bytes]:
        """Yield the answers to Watch: the state now and after each change, until watches end."""
        self._watchers += 1
        try:
            while not self._ended:
                changed = self._changed
                yield HealthCheckResponse(status=self._status_of(payload)).SerializeToString()
                await changed.wait()
        finally:
            self._watchers -= 1

    def _status_of(self, payload: bytes) -> "HealthCheckResponse.ServingStatus":
        self._asked_at = time.monotonic()
        try:
            service = HealthCheckRequest.FromString(payload).service
        except DecodeError:
            return _Status.SERVICE_UNKNOWN
        if service not in self._services:
            return _Status.SERVICE_UNKNOWN
        return _Status.SERVING if self._serving else _Status.NOT_SERVING
