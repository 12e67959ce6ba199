"""The audit log in memory: of so many entries, and so many names in them, the newest are kept."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice

from authsvc.audit import AuditEntry, AuditHead, Write, current_recording

MOST_ENTRIES = 10_000
MOST_NAMES = 100_000  # of entities, all entries together: one of them may name thousands


class MemoryAuditTrail:
    """An ``AuditTrail``."""

    def __init__(self, *, most_entries: int = MOST_ENTRIES, most_names: int = MOST_NAMES) -> None:
        self._most_entries = most_entries
        self._most_names = most_names
        self._entries: deque[AuditEntry] = deque()
        self._names = 0
        self._start = AuditHead()
        self._head = AuditHead()

    def record(self, writes: Iterable[Write]) -> None:
        """Add an entry for a write, if one is being recorded."""
        recording = current_recording()
        if recording is not None:
            entry = recording.entry(writes, previous=self._head)
            self._entries.append(entry)
            self._names += len(entry.entities)
            self._head = entry.head
            self._drop()

    async def page(self, *, size: int, after: int = 0) -> Sequence[AuditEntry]:
        """Return entries in their order."""
        first = max(after - self._start.seq, 0)
        return list(islice(self._entries, first, first + size))

    async def head(self) -> AuditHead:
        """Return the head."""
        return self._head

    async def start(self) -> AuditHead:
        """Return the head of the last entry that was dropped."""
        return self._start

    async def note(self) -> None:
        """Make an entry without anything written."""
        self.record(())

    def _drop(self) -> None:
        """Drop the oldest entries that are too many; the newest one always stays."""
        while len(self._entries) > 1 and self._is_full():
            dropped = self._entries.popleft()
            self._names -= len(dropped.entities)
            self._start = dropped.head

    def _is_full(self) -> bool:
        return len(self._entries) > self._most_entries or self._names > self._most_names
