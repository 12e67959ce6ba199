"""The rotation of a key in memory."""

from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from authsvc.entities import StoredCredential, WrappedKey
from authsvc.errors import LeaseLostError, RingChangedError, RotationRunningError
from authsvc.kinds import Written
from authsvc.memory.change_log import MemoryChangeLog
from authsvc.memory.keyring_store import MemoryKeyringStore, sealing_key
from authsvc.memory.table import MemoryTable
from authsvc.ring_store import Batch, Reseal, Rotation


class MemoryRotationStore:
    """A ``RotationStore``."""

    def __init__(
        self,
        *,
        log: MemoryChangeLog,
        keyring: MemoryKeyringStore,
        credentials: MemoryTable[StoredCredential],
        clock: Callable[[], float],
    ) -> None:
        self._log = log
        self._keyring = keyring
        self._credentials = credentials
        self._clock = clock
        self._rotation: Rotation | None = None
        self._owner: str | None = None
        self._lease_until = 0.0

    async def read(self) -> Rotation | None:
        """Return the rotation."""
        return self._rotation

    async def begin(self, key: WrappedKey, rotation: Rotation) -> int:
        """Begin a rotation to a new key."""
        if self._rotation is not None and self._rotation.status == "running":
            raise RotationRunningError
        self._keyring.put(key)
        if key.purpose == "data":
            self._keyring.make_active(key.id)
        self._rotation, self._owner = rotation, None
        return self._log.append((Written("keyring", key.id),))

    async def claim(self, owner: str, *, seconds: float) -> Rotation | None:
        """Take the running rotation."""
        rotation = self._rotation
        if rotation is None or rotation.status != "running":
            return None
        if self._owner not in {None, owner} and self._lease_until >= self._clock():
            return None
        self._owner, self._lease_until = owner, self._clock() + seconds
        return rotation

    async def reseal(
        self,
        owner: str,
        change: Reseal,
        *,
        under: str | None,
        after: str | None,
        size: int,
        seconds: float,
    ) -> Batch:
        """Change a batch of rows."""
        rotation = self._owned(owner)
        if rotation.purpose == "data" and not self._keyring.is_active(rotation.target):
            raise RingChangedError("another key was made the active one")
        await self._keyring.count(rotation.target, size)
        wanted = (row for row in self._credentials.rows(after=after) if _is_under(row, under))
        old = list(islice(wanted, size))
        new = [change(row) for row in old]
        changed = [now for was, now in zip(old, new, strict=True) if now and now != was]
        for row in changed:
            self._credentials.overwrite(row)
        self._rotation = replace(rotation, done=rotation.done + len(changed))
        self._lease_until = self._clock() + seconds
        return Batch(len(changed), new.count(None), old[-1].id if old else None)

    async def finish(self, owner: str, rotation: Rotation) -> int:
        """End the rotation."""
        current = self._owned(owner)
        self._rotation = replace(
            current,
            status=rotation.status,
            failed=rotation.failed,
            finished_at=rotation.finished_at,
        )
        self._owner = None
        if rotation.purpose == "index" and rotation.status == "done":
            self._keyring.make_active(rotation.target)
        return self._log.append((Written("keyring", rotation.target),))

    def _owned(self, owner: str) -> Rotation:
        rotation = self._rotation
        if rotation is None or rotation.status != "running" or self._owner != owner:
            raise LeaseLostError
        return rotation


def _is_under(row: StoredCredential, key_id: str | None) -> bool:
    return key_id is None or sealing_key(row) == key_id
