"""Which declaration is in force in the whole product; held by the supervisor.

What callers can rely on:

1. All processes go by the same declaration, whole: each edition replaces the one before it.
2. A process that is started, or started again, gets the newest.
3. What is not valid never comes here: whoever reads it refuses it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from sidecar.control import KEY_ROLES, Load, Offer, Order, Role, Settled
from sidecar.declarative.declaration import Declaration, keeping_expiries
from sidecar.declarative.encoding import decode_declaration, encode_declaration
from sidecar.declarative.file import DeclarationFile, FileWatch, LoadMetrics

APPLIED_WITHIN = 10.0  # seconds; who takes longer is busy, or being started, and not waited for

_log = structlog.get_logger(__name__)


class Orderable(Protocol):
    """A process that made an offer."""

    def order(self, order: Order) -> None:
        """Tell it something."""


class Processes(Protocol):
    """All processes."""

    def declare(self, load: Callable[[Role], Load]) -> None:
        """Tell every process by which declaration to go."""

    async def until_applied(self, number: int, *, seconds: float) -> bool:
        """Wait until they do; tell whether that is so."""


class Registrar:
    """Holds the declaration in force, and hands it to all processes."""

    def __init__(self, first: Declaration, *, metrics: LoadMetrics) -> None:
        self._metrics = metrics
        self._processes: Processes | None = None
        self._swapping = asyncio.Lock()
        self._settling: set[asyncio.Task[None]] = set()
        self._number = 0
        self._declaration = first
        self._encoded: dict[bool, bytes] = {}
        self._hold(first, _encodings(first))

    def load(self, role: Role) -> Load:
        """Return what a role is told of the declaration in force."""
        return Load(self._number, self._encoded[role in KEY_ROLES])

    def offered(self, keeper: Orderable, offer: Offer) -> None:
        """Put in force what a process offers, and tell it when that is so, in the background."""
        task = asyncio.create_task(self._settle(keeper, offer), name="declaration-offer")
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def take(self, declaration: Declaration) -> None:
        """Put in force what the file says by now."""
        async with self._swapping:
            if declaration.digest == self._declaration.digest:
                self._metrics.unchanged()
                _log.info("declarative file read again: as it was")
                return
            kept = await asyncio.to_thread(keeping_expiries, declaration, self._declaration)
            await self._swap(kept, "file")

    @asynccontextmanager
    async def serving(
        self, processes: Processes, file: DeclarationFile
    ) -> AsyncIterator[Callable[[], None]]:
        """Keep the processes up to date; yield what has the file read now."""
        self._processes = processes
        watch = FileWatch(file, take=self.take, metrics=self._metrics)
        task = asyncio.create_task(watch.run(), name="declarative-file")
        try:
            yield watch.ask
        finally:
            for each in (task, *self._settling):
                each.cancel()
            await asyncio.gather(task, *self._settling, return_exceptions=True)

    async def _settle(self, keeper: Orderable, offer: Offer) -> None:
        declaration = await asyncio.to_thread(decode_declaration, offer.content)
        async with self._swapping:
            number = await self._swap(declaration, "admin")
        processes = self._processes
        applied = processes is not None and await processes.until_applied(
            number, seconds=APPLIED_WITHIN
        )
        keeper.order(Settled(offer.offer, applied))

    async def _swap(self, declaration: Declaration, origin: str) -> int:
        self._hold(declaration, await asyncio.to_thread(_encodings, declaration))
        _log.info(
            "declaration in force",
            number=self._number,
            origin=origin,
            entities=declaration.count(),
            digest=declaration.digest,
        )
        if self._processes is not None:
            self._processes.declare(self.load)
        return self._number

    def _hold(self, declaration: Declaration, encoded: dict[bool, bytes]) -> None:
        self._number += 1
        self._declaration, self._encoded = declaration, encoded
        self._metrics.loaded(at=time.time())


def _encodings(declaration: Declaration) -> dict[bool, bytes]:
    """Return a declaration as it is told, by whether keys go along."""
    return {
        with_keys: encode_declaration(declaration, credentials=with_keys)
        for with_keys in (True, False)
    }
