"""The change log in memory."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from authsvc.kinds import Written
from authsvc.memory.audit_trail import MemoryAuditTrail
from authsvc.store import Change, Changes, Retention


class MemoryChangeLog:
    """A ``ChangeFeed`` that the memory stores append to."""

    def __init__(self, *, clock: Callable[[], float], retention: Retention) -> None:
        self._clock = clock
        self._retention = retention
        self.audit = MemoryAuditTrail()
        self._head = 0
        self._log: deque[tuple[float, Change]] = deque()
        self._waiting: set[asyncio.Future[None]] = set()

    def append(self, entries: Iterable[Written]) -> int:
        """Add changes, wake whoever waits, and return the last one's seq."""
        entries = tuple(entries)
        self.audit.record(entries)
        now = self._clock()
        for entry in entries:
            self._head += 1
            change = Change(
                self._head, entry.entity, entry.entity_id, entry.consumer_id, entry.digest
            )
            self._log.append((now, change))
        self._prune(now)
        self._wake()
        return self._head

    def start_anew(self) -> int:
        """Forget every change, so that all who follow have to read everything; return the seq."""
        self._head += 1
        self._log.clear()
        self._wake()
        return self._head

    async def head(self) -> int:
        """Return the newest seq."""
        return self._head

    async def since(self, seq: int, *, limit: int = 1000) -> Changes:
        """Return the changes after ``seq``."""
        oldest = self._head - len(self._log) + 1
        start = max(seq + 1 - oldest, 0)
        found = (self._log[at][1] for at in range(start, min(start + limit, len(self._log))))
        return Changes(tuple(found), complete=oldest <= seq + 1 <= self._head + 1)

    async def wait(self, seconds: float) -> None:
        """Return at the next change, at the latest after ``seconds``."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await asyncio.wait({waiter}, timeout=seconds)
        finally:
            self._waiting.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def _prune(self, now: float) -> None:
        while len(self._log) > self._retention.changes:
            if self._log[0][0] > now - self._retention.seconds:
                return
            self._log.popleft()
