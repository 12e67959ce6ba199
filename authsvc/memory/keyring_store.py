"""The wrapped keys in memory."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from authsvc.entities import Entity, StoredCredential, WrappedKey
from authsvc.errors import (
    KeyInUseError,
    KeyRemovedError,
    KeyringError,
    RingChangedError,
    UniqueViolationError,
)
from authsvc.keyring import key_id_of
from authsvc.kinds import Written
from authsvc.memory.change_log import MemoryChangeLog
from authsvc.memory.table import MemoryTable
from authsvc.sealing import DATA, INDEX, keys_of
from authsvc.storable import check_key


class MemoryKeyringStore:
    """A ``KeyringStore``."""

    def __init__(self, *, log: MemoryChangeLog, credentials: MemoryTable[StoredCredential]) -> None:
        self._log = log
        self._credentials = credentials
        self._keys: dict[str, WrappedKey] = {}
        self._removed: set[str] = set()
        credentials.refuse = self._refuse_removed_key

    async def load(self) -> Sequence[WrappedKey]:
        """Return every key, oldest first."""
        return sorted(self._keys.values(), key=lambda key: (key.created_at, key.id))

    async def add(self, key: WrappedKey) -> int:
        """Add a key."""
        self.put(key)
        return self._log.append((Written("keyring", key.id),))

    async def activate(self, key_id: str) -> int | None:
        """Make a key the active one of its purpose."""
        if key_id not in self._keys:
            return None
        self.make_active(key_id)
        return self._log.append((Written("keyring", key_id),))

    async def remove(self, key_id: str) -> int | None:
        """Take a key off the ring."""
        key = self._keys.get(key_id)
        if key is None:
            return None
        if key.active:
            raise KeyInUseError("the key is active")
        if any(_needs(key, row) for row in self._credentials.rows()):
            raise KeyInUseError("credentials are sealed or found under the key")
        del self._keys[key_id]
        self._removed.add(key_id)
        return self._log.append((Written("keyring", key_id),))

    async def rewrap(self, keys: Sequence[WrappedKey], *, announce: bool) -> int | None:
        """Store every key wrapped anew."""
        if self._keys.keys() != {key.id for key in keys}:
            raise RingChangedError("the ring was changed meanwhile")
        for key in keys:
            self._keys[key.id] = replace(
                self._keys[key.id], wrapped=key.wrapped, recovery=key.recovery
            )
        if not announce or not keys:
            return None
        return self._log.append([Written("keyring", key.id) for key in keys])

    async def count(self, key_id: str, encryptions: int) -> int | None:
        """Add to a key's encryptions."""
        key = self._keys.get(key_id)
        if key is None:
            return None
        counted = replace(key, encryptions=key.encryptions + encryptions)
        self._keys[key_id] = counted
        return counted.encryptions

    async def usage(self) -> Mapping[str, int]:
        """Return how many credentials are sealed under each key."""
        return Counter(
            key_id for row in self._credentials.rows() if (key_id := sealing_key(row)) is not None
        )

    def put(self, key: WrappedKey) -> None:
        """Keep a key, without a word in the change log."""
        check_key(key)
        if key.id in self._keys:
            raise UniqueViolationError(("id",))
        active = {other.purpose for other in self._keys.values() if other.active}
        if key.active and key.purpose in active:
            raise UniqueViolationError(("purpose", "active"))
        self._keys[key.id] = key
        self._removed.discard(key.id)

    def make_active(self, key_id: str) -> None:
        """Make a key that is there the active one, without a word in the change log."""
        purpose = self._keys[key_id].purpose
        for key in list(self._keys.values()):
            if key.purpose == purpose:
                self._keys[key.id] = replace(key, active=key.id == key_id)

    def is_active(self, key_id: str) -> bool:
        """Tell whether a key is on the ring, and active."""
        key = self._keys.get(key_id)
        return key is not None and key.active

    def _refuse_removed_key(self, entity: Entity) -> None:
        if isinstance(entity, StoredCredential) and self._removed.intersection(keys_of(entity)):
            raise KeyRemovedError


def _needs(key: WrappedKey, credential: StoredCredential) -> bool:
    if key.purpose == INDEX:
        return credential.index_key_id in {key.id, None}
    return key.purpose == DATA and sealing_key(credential) == key.id


def sealing_key(credential: StoredCredential) -> str | None:
    """Return the id of the key that a credential is sealed under; None: under none."""
    try:
        return key_id_of(credential.sealed_key)
    except KeyringError:
        return None
