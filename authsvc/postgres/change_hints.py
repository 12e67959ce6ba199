"""Hints that something changed: NOTIFY, where the server has it.

Nothing depends on them. A hint that is lost, late or impossible only means that the next poll
finds the change instead.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from authsvc.errors import StoreError
from authsvc.postgres.connections import Connection, Connections
from authsvc.postgres.violations import translated

CHANNEL = "tollkeeper_changes"
_RETRY_SECONDS = 5.0
_PROBE_SECONDS = 30.0  # a connection that a firewall forgot looks quiet, not closed
_CALL_SECONDS = 5.0
_ASK_SECONDS = 1.0


class ChangeHints:
    """Listens on a connection of its own, from the first ``wait`` until ``close``."""

    def __init__(
        self,
        connections: Connections,
        *,
        connect: Callable[[], Awaitable[Connection]],
    ) -> None:
        self._connections = connections
        self._connect = connect
        self._changed = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def are_sent(self) -> bool:
        """Tell whether the server takes notifications now (CockroachDB never does)."""
        try:
            await self._connections.fetch("SELECT pg_notify($1, '')", CHANNEL, seconds=_ASK_SECONDS)
        except StoreError:
            return False
        return True

    async def wait(self, seconds: float) -> None:
        """Return at the next hint, at the latest after ``seconds``."""
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name="change-hints")
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        self._changed.clear()

    async def close(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})

    async def _listen(self) -> None:
        while True:
            with suppress(StoreError):
                await self._listen_once()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _listen_once(self) -> None:
        connection = await self._connect()
        lost = asyncio.Event()
        try:
            with translated():
                connection.add_termination_listener(lambda _: lost.set())
                await connection.add_listener(CHANNEL, lambda *_: self._changed.set())
                self._changed.set()  # there may have been changes while nobody listened
                while not lost.is_set():
                    await connection.execute("SELECT 1", timeout=_CALL_SECONDS)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_PROBE_SECONDS):
                            await lost.wait()
        finally:
            connection.terminate()
