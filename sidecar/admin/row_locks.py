"""One writer at a time for what is read, changed and written back."""

import asyncio
from weakref import WeakValueDictionary


class RowLocks:
    """A lock for each row that is being changed, by its id; none for the others.

    It lets the writers of this process take turns, so that they do not get into each other's way;
    that nobody undoes what somebody else wrote, in whatever process, is up to the store.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, row_id: str) -> asyncio.Lock:
        """Return the lock of a row; it lives as long as somebody holds or awaits it."""
        lock = self._locks.get(row_id)
        if lock is None:
            lock = asyncio.Lock()
            self._locks[row_id] = lock
        return lock
