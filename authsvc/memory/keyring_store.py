"""The wrapped keys in memory."""

from collections.abc import Sequence

from authsvc.entities import WrappedKey
from authsvc.errors import UniqueViolationError
from authsvc.kinds import Written
from authsvc.memory.change_log import MemoryChangeLog
from authsvc.storable import check_key


class MemoryKeyringStore:
    """A ``KeyringStore``."""

    def __init__(self, *, log: MemoryChangeLog) -> None:
        self._log = log
        self._keys: dict[str, WrappedKey] = {}

    async def load(self) -> Sequence[WrappedKey]:
        """Return every key, oldest first."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    async def add(self, key: WrappedKey) -> int:
        """Add a key."""
        check_key(key)
        if key.id in self._keys:
            raise UniqueViolationError(("id",))
        active = {other.purpose for other in self._keys.values() if other.active}
        if key.active and key.purpose in active:
            raise UniqueViolationError(("purpose", "active"))
        self._keys[key.id] = key
        return self._log.append((Written("keyring", key.id),))
