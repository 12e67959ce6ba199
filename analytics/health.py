"""Whether the access log service takes streams, and who wants to know.

Plain state; ``analytics.accesslog`` speaks grpc.health.v1 about it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

_ASKED_LATELY = 30.0  # seconds


class Health:
    """The state of a server's services; ``""`` stands for the server as a whole."""

    def __init__(self, *services: str, now: Callable[[], float] = time.monotonic) -> None:
        self._services = frozenset({"", *services})
        self._now = now
        self._is_serving = False
        self._is_over = False
        self._changed = asyncio.Event()
        self._asked_at = float("-inf")
        self._watching = 0

    @property
    def is_watched(self) -> bool:
        """Whether anybody watches, or asked within the last half minute: they notice a change."""
        return self._watching > 0 or self._now() - self._asked_at < _ASKED_LATELY

    def set_serving(self, *, serving: bool) -> None:
        """Change the state of all services, and tell those who watch."""
        self._is_serving = serving
        self._tell()

    def end(self) -> None:
        """Let those who watch go: there will be no further change."""
        self._is_over = True
        self._tell()

    def status_of(self, service: str | None) -> bool | None:
        """Return whether a service is up, or None if there is no such service."""
        self._asked_at = self._now()
        return self._is_serving if service in self._services else None

    async def watch(self, service: str | None) -> AsyncIterator[bool | None]:
        """Yield the status of a service now, and again with each change, until the end."""
        self._watching += 1
        try:
            while not self._is_over:
                changed = self._changed
                yield self.status_of(service)
                await changed.wait()
        finally:
            self._watching -= 1

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
