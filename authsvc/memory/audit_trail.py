"""The audit log in memory."""

from collections.abc import Iterable, Sequence

from authsvc.audit import AuditEntry, AuditHead, Write, current_recording


class MemoryAuditTrail:
    """An ``AuditTrail``."""

    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []
        self._head = AuditHead()

    def record(self, writes: Iterable[Write]) -> None:
        """Add an entry for a write, if one is being recorded."""
        recording = current_recording()
        if recording is not None:
            entry = recording.entry(writes, previous=self._head)
            self._entries.append(entry)
            self._head = entry.head

    async def page(self, *, size: int, after: int = 0) -> Sequence[AuditEntry]:
        """Return entries in their order."""
        return [entry for entry in self._entries[max(after, 0) :][:size] if entry.seq > after]

    async def head(self) -> AuditHead:
        """Return the head."""
        return self._head

    async def note(self) -> None:
        """Make an entry without anything written."""
        self.record(())
