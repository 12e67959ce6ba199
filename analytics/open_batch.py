"""The batch that is not full yet: events as they are, until they are compressed together."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice

from analytics.encoding import compress_events
from analytics.queued_batch import QueuedBatch

_RUN_BITS = 32


class OpenBatch:
    """Gathers events; ``close`` makes a batch of the oldest of them.

    Args:
        now: Seconds since the epoch.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._events: deque[bytes] = deque()
        self._kept = 0  # of the oldest, so many were handed to the disk
        # Batches of other runs have other numbers: half of them is random.
        self._number = secrets.randbits(_RUN_BITS) << _RUN_BITS
        self.size = 0
        self.since = 0.0  # seconds since the epoch

    def __len__(self) -> int:
        return len(self._events)

    @property
    def number(self) -> int:
        """The number of the batch that will be made."""
        return self._number

    @property
    def has_news(self) -> bool:
        """Whether there are events that were not handed to the disk."""
        return self._kept < len(self._events)

    def add(self, event: bytes) -> None:
        """Add an event."""
        if not self._events:
            self.since = self._now()
        self._events.append(event)
        self.size += len(event)

    def drop_oldest(self) -> None:
        """Forget the oldest event."""
        self.size -= len(self._events.popleft())
        self._kept = max(0, self._kept - 1)

    def news(self) -> Sequence[bytes]:
        """Return the events that were not handed to the disk; from now on they were."""
        news = list(islice(self._events, self._kept, None))
        self._kept = len(self._events)
        return news

    def forget_kept(self) -> None:
        """Have all events handed to the disk once more: it has none of them."""
        self._kept = 0

    def close(self, *, events: int, size: int) -> QueuedBatch:
        """Make a batch of the oldest events: so many at most, and bytes, but one at least."""
        taken: list[bytes] = []
        taken_size = 0
        while self._events and len(taken) < events:
            if taken and taken_size + len(self._events[0]) > size:
                break
            taken.append(self._events.popleft())
            taken_size += len(taken[-1])
        batch = QueuedBatch(
            number=self._number,
            events=len(taken),
            size=taken_size,
            since=self.since,
            body=compress_events(taken),
        )
        self._number += 1
        self._kept = 0
        self.size -= taken_size
        self.since = self._now()
        return batch

    def clear(self) -> None:
        """Forget all events."""
        self._events.clear()
        self.size = self._kept = 0
