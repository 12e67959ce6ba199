"""Who has applied which change, in memory."""

from collections.abc import Callable

from authsvc.store import LIVE_SECONDS


class MemoryAppliedBoard:
    """An ``AppliedBoard``."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._workers: dict[str, tuple[float, int]] = {}

    async def report(self, worker: str, seq: int) -> None:
        """Note that this worker lives and how far it is."""
        self._workers[worker] = (self._clock(), seq)

    async def leave(self, worker: str) -> None:
        """Forget this worker."""
        self._workers.pop(worker, None)

    async def slowest(self) -> int | None:
        """Return the smallest seq among live workers."""
        oldest = self._clock() - LIVE_SECONDS
        return min((seq for seen, seq in self._workers.values() if seen >= oldest), default=None)
