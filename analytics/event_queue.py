"""The events that wait for one application id.

What callers can rely on, strongest first:

1. ``offer`` never blocks and never raises: the access log stream comes first.
2. Memory is bounded, in events and in bytes, those under way included.  When the queue is full
   the oldest waiting event goes: what the collector gets after an outage is its end, whole.
3. Events leave in the order in which they came.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

MAX_SIZE = 256 * 1024 * 1024  # bytes of one queue, whatever its limit in events
# Bytes before compression. The collector takes 50 MB; compressing this much takes some ms.
MAX_BATCH_SIZE = 4 * 1024 * 1024


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


class _Waiting(NamedTuple):
    event: bytes
    since: float


class EventQueue:
    """Collects events and hands them out in batches, to one taker.

    What was taken counts as under way until it is released.
    """

    def __init__(
        self,
        limits: QueueLimits,
        *,
        max_size: int = MAX_SIZE,
        max_batch_size: int = MAX_BATCH_SIZE,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits
        self._max_size = max_size
        self._max_batch_size = max_batch_size
        self._now = now
        self._waiting: deque[_Waiting] = deque()
        self._waiting_size = 0
        self._under_way = 0
        self._under_way_size = 0
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def events(self) -> int:
        """How many events are here, those under way included."""
        return len(self._waiting) + self._under_way

    @property
    def size(self) -> int:
        """How many bytes they have."""
        return self._waiting_size + self._under_way_size

    def offer(self, event: bytes) -> int:
        """Add an event; return how many had to go, which may be this very one."""
        if self._under_way >= self._limits.events or (
            len(event) + self._under_way_size > self._max_size
        ):
            return 1
        dropped = self._make_room(1, len(event))
        self._waiting.append(_Waiting(event, self._now()))
        self._waiting_size += len(event)
        if len(self._waiting) == 1 or self._is_full_batch():
            self._changed.set()
        return dropped

    async def take(self) -> list[bytes] | None:
        """Wait until a batch is due and return it, or None when closed and empty."""
        while not self._is_due():
            if self._closed and not self._waiting:
                return None
            await self._wait()
        batch: list[bytes] = []
        size = 0
        while self._waiting and len(batch) < self._limits.batch_events:
            event = self._waiting[0].event
            if batch and size + len(event) > self._max_batch_size:
                break
            batch.append(self._waiting.popleft().event)
            size += len(event)
        self._waiting_size -= size
        self._under_way += len(batch)
        self._under_way_size += size
        return batch

    def release(self, events: Sequence[bytes]) -> None:
        """Forget events that were taken: they were delivered, or never will be."""
        self._under_way -= len(events)
        self._under_way_size -= sum(map(len, events))

    def adjust(self, limits: QueueLimits) -> int:
        """Change the limits; return how many events had to go."""
        self._limits = limits
        self._changed.set()
        return self._make_room(0, 0)

    def close(self) -> None:
        """Let everything leave at once, in batches as full as they can be."""
        self._closed = True
        self._changed.set()

    def abandon(self) -> int:
        """Forget everything, also what is under way; return how many events that were."""
        abandoned = self.events
        self._waiting.clear()
        self._waiting_size = self._under_way = self._under_way_size = 0
        return abandoned

    def _make_room(self, events: int, size: int) -> int:
        dropped = 0
        while self._waiting and (
            self.events + events > self._limits.events or self.size + size > self._max_size
        ):
            self._waiting_size -= len(self._waiting.popleft().event)
            dropped += 1
        return dropped

    def _is_full_batch(self) -> bool:
        return (
            len(self._waiting) >= self._limits.batch_events
            or self._waiting_size >= self._max_batch_size
        )

    def _is_due(self) -> bool:
        if not self._waiting:
            return False
        return self._closed or self._is_full_batch() or self._remaining() <= 0

    def _remaining(self) -> float:
        """Return the seconds until the oldest event has waited long enough."""
        return self._waiting[0].since + self._limits.batch_wait - self._now()

    async def _wait(self) -> None:
        self._changed.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._remaining() if self._waiting else None):
                await self._changed.wait()
