"""The events that wait for one application id.

What callers can rely on, strongest first:

1. ``offer`` never waits and never raises: the access log stream comes first.
2. What waits is bounded: in events, memory and disk together, those under way included; in bytes
   of memory; in bytes of disk; in age.  The oldest goes first: what the collector gets after an
   outage is its end, whole.
3. Events leave in the order in which they came, those of an earlier run first.
4. Memory holds compressed batches, and only of those that leave soon: the others are on disk,
   if there is one.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from analytics.metrics import DropReason
from analytics.open_batch import OpenBatch
from analytics.queued_batch import QueuedBatch

# Bytes of compressed batches in memory. Above the first, those that are on disk too are taken out
# of it, the newest first; above the second, which a disk that is there never lets us see, the
# oldest that are in memory only are dropped.
MAX_MEMORY = 32 * 1024 * 1024
MAX_MEMORY_WITHOUT_DISK = 64 * 1024 * 1024
# Bytes before compression. The collector takes 50 MB; compressing this much takes about 5 ms.
MAX_BATCH_SIZE = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait, and when it is time to send.

    Attributes:
        events: So many may wait, those under way included.
        batch_events: So many make a batch that leaves at once.
        batch_wait: Seconds after which a batch leaves that is not full.
    """

    events: int
    batch_events: int
    batch_wait: float


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """What is not for the plugin's configuration to say, in bytes."""

    memory: int = MAX_MEMORY
    memory_without_disk: int = MAX_MEMORY_WITHOUT_DISK
    batch: int = MAX_BATCH_SIZE
    disk: int | None = None  # None: there is no disk


class QueueObserver(Protocol):
    """Told what happens to batches; every method is quick and never raises."""

    def closed(self, batch: QueuedBatch) -> None:
        """A batch was made."""

    def forgotten(self, batch: QueuedBatch) -> None:
        """A batch, or the part of it that is ``done``, needs to be kept no more."""

    def dropped(self, reason: DropReason, events: int) -> None:
        """So many events were lost."""


class EventQueue:
    """Collects events and hands them out in batches, to one taker.

    What was taken counts as under way until all of it is settled.
    """

    def __init__(
        self,
        limits: QueueLimits,
        *,
        observer: QueueObserver,
        bounds: QueueBounds = QueueBounds(),
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._observer = observer
        self._bounds = bounds
        self._now = now
        self.open = OpenBatch()
        self._opened_at = 0.0
        self._waiting: deque[QueuedBatch] = deque()  # also such as were dropped since: none remain
        self._in_memory: deque[QueuedBatch] = deque()  # likewise, also such as are no more
        self._under_way: QueuedBatch | None = None
        self._events = 0
        self._memory = 0
        self._stored = 0
        self._is_closed = False
        self._changed = asyncio.Event()

    @property
    def events(self) -> int:
        """How many events are here, those under way included."""
        return self._events

    @property
    def size(self) -> int:
        """How many bytes of memory they take; batches are compressed."""
        return self._memory + self.open.size

    @property
    def oldest(self) -> float | None:
        """When the oldest event came, in seconds since the epoch."""
        first = next(self.batches(), None)
        if first is not None:
            return first.since
        return self.open.since if len(self.open) else None

    def batches(self) -> Iterator[QueuedBatch]:
        """Yield every batch that is here, oldest first."""
        if self._under_way is not None:
            yield self._under_way
        yield from (batch for batch in self._waiting if batch.remaining)

    def offer(self, event: bytes) -> None:
        """Add an event; the oldest that are too many go."""
        if self._events >= self._limits.events and not self._make_room(1):
            self._observer.dropped(DropReason.QUEUE_FULL, 1)
            return
        if len(self.open) and self.open.size + len(event) > self._bounds.batch:
            self._close_open()
        if not len(self.open):
            self._opened_at = self._now()
            self._changed.set()
        self.open.add(event)
        self._events += 1
        if len(self.open) >= self._limits.batch_events or self.open.size >= self._bounds.batch:
            self._close_open()

    def found(self, batches: Sequence[QueuedBatch]) -> None:
        """Add batches of an earlier run, which are on disk."""
        self._waiting.extendleft(reversed(batches))
        for batch in batches:
            self._events += batch.remaining
            self._count_stored(batch)
        self._make_room(0)
        self._bound_disk()
        self._changed.set()

    def kept(self, batch: QueuedBatch) -> None:
        """Note that a batch is on disk by now."""
        if not batch.remaining:
            return
        self._count_stored(batch)
        if self._memory > self._bounds.memory and batch is not self._under_way:
            self._evict(batch)
        self._bound_disk()

    async def take(self) -> QueuedBatch | None:
        """Wait until a batch is due and return it, or None when closed and empty."""
        while not self._is_due():
            if self._is_closed:
                return None
            await self._wait()
        if not self._waiting:
            self._close_open()
        self._under_way = self._waiting.popleft()
        return self._under_way

    def settle(self, batch: QueuedBatch, events: int) -> None:
        """Forget the oldest events of the batch that was taken: they need not be sent any more."""
        batch.done += events
        self._events -= events
        if not batch.remaining:
            self._under_way = None
        self._let_go(batch)

    def expire(self, before: float) -> None:
        """Drop the batches that are older than a time in seconds since the epoch."""
        while (batch := self._first()) is not None and batch.since < before:
            self._drop(batch, DropReason.EXPIRED)

    def adjust(self, limits: QueueLimits) -> None:
        """Change the limits."""
        self._limits = limits
        self._make_room(0)
        while len(self.open) >= limits.batch_events:
            self._close_open()
        self._changed.set()

    def close(self) -> None:
        """Let everything leave at once, in batches as full as they can be."""
        self._is_closed = True
        while len(self.open):
            self._close_open()
        self._changed.set()

    def abandon(self) -> None:
        """Forget everything, also what is under way; what is on disk stays there."""
        self._waiting.clear()
        self._in_memory.clear()
        self.open.clear()
        self._under_way = None
        self._events = self._memory = self._stored = 0

    def _close_open(self) -> None:
        batch = self.open.close(events=self._limits.batch_events, size=self._bounds.batch)
        self._opened_at = self._now()
        self._waiting.append(batch)
        while self._in_memory and self._in_memory[0].body is None:
            self._in_memory.popleft()
        self._in_memory.append(batch)
        self._memory += batch.memory
        self._observer.closed(batch)
        self._bound_memory()
        self._changed.set()

    def _make_room(self, events: int) -> bool:
        """Drop the oldest events until so many fit; tell whether they do."""
        dropped = 0
        while self._events + events > self._limits.events and self._drop_oldest():
            dropped += 1
        if dropped:
            self._observer.dropped(DropReason.QUEUE_FULL, dropped)
        return self._events + events <= self._limits.events

    def _drop_oldest(self) -> bool:
        batch = self._first()
        if batch is not None:
            batch.done += 1
            if not batch.remaining:
                self._let_go(batch)
        elif len(self.open):
            self.open.drop_oldest()
        else:
            return False
        self._events -= 1
        return True

    def _bound_memory(self) -> None:
        while self._memory > self._bounds.memory_without_disk and len(self._in_memory) > 1:
            batch = self._in_memory.popleft()
            if batch is self._under_way or not batch.remaining or batch.body is None:
                continue
            if batch.counted:
                self._evict(batch)
            else:
                self._drop(batch, DropReason.QUEUE_FULL)

    def _bound_disk(self) -> None:
        if self._bounds.disk is None:
            return
        while self._stored > self._bounds.disk and (batch := self._first()) is not None:
            self._drop(batch, DropReason.SPOOL_FULL)

    def _drop(self, batch: QueuedBatch, reason: DropReason) -> None:
        dropped = batch.remaining
        batch.done = batch.events
        self._events -= dropped
        self._let_go(batch)
        self._observer.dropped(reason, dropped)

    def _let_go(self, batch: QueuedBatch) -> None:
        if not batch.remaining:
            self._stored -= batch.counted
            batch.counted = 0
            self._evict(batch)
        self._observer.forgotten(batch)

    def _evict(self, batch: QueuedBatch) -> None:
        self._memory -= batch.memory
        batch.body = None

    def _count_stored(self, batch: QueuedBatch) -> None:
        batch.counted = batch.stored
        self._stored += batch.counted

    def _first(self) -> QueuedBatch | None:
        """Return the oldest batch that is not under way."""
        while self._waiting and not self._waiting[0].remaining:
            self._waiting.popleft()
        return self._waiting[0] if self._waiting else None

    def _is_due(self) -> bool:
        if self._first() is not None:
            return True
        return bool(len(self.open)) and self._remaining() <= 0

    def _remaining(self) -> float:
        """Return the seconds until the oldest open event has waited long enough."""
        return self._opened_at + self._limits.batch_wait - self._now()

    async def _wait(self) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._remaining() if len(self.open) else None):
                await self._changed.wait()
