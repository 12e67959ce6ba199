"""Where the ring is kept, and how rows go from one of its keys to another: two ports.

Like the ports of ``authsvc.store``: every method may raise ``StoreUnavailableError``, and nothing
else than what is said here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from authsvc.entities import StoredCredential, WrappedKey


class KeyringStore(Protocol):
    """The wrapped keys.

    A credential that was sealed or digested under a key which is off the ring by now cannot be
    written: stores raise ``KeyRemovedError``, and the writer has to look at the ring again.
    """

    async def load(self) -> Sequence[WrappedKey]:
        """Return every key, oldest first."""

    async def add(self, key: WrappedKey) -> int:
        """Add a key; return the seq of the change.

        Raises:
            UnstorableValueError: The id or the purpose cannot be stored.
            UniqueViolationError: The id is taken, or the key is active and another of the same
                purpose is already.
        """

    async def activate(self, key_id: str) -> int | None:
        """Make a key the active one of its purpose; return the seq, or None if there is none."""

    async def remove(self, key_id: str) -> int | None:
        """Take a key off the ring; return the seq, or None if there was none.

        Raises:
            KeyInUseError: It is active, or rows are sealed under it, expired ones included. An
                index key is also in use while it is not known of a row which one it has.
        """

    async def rewrap(self, keys: Sequence[WrappedKey], *, announce: bool) -> int | None:
        """Store ``wrapped`` and ``recovery`` of exactly the keys that there are, all or none.

        ``announce`` tells every process to load the ring again; the seq of that is returned.

        Raises:
            RingChangedError: There are other keys than these.
        """

    async def count(self, key_id: str, encryptions: int) -> int | None:
        """Add to a key's encryptions; return how many there are now, None if it is gone."""

    async def usage(self) -> Mapping[str, int]:
        """Return how many credentials are sealed under each key id that any is sealed under.

        Reads an index from end to end: may take seconds for many millions.
        """


RotationStatus = Literal["running", "done", "incomplete"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The exchange of the active key of a purpose for ``target``, row by row.

    ``total`` is how many rows there were to change when it began, ``failed`` how many cannot be.
    It ends ``done``, or ``incomplete`` where rows have failed.
    """

    purpose: str
    target: str
    status: RotationStatus
    total: int
    done: int = 0
    failed: int = 0
    started_at: int
    finished_at: int | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that were looked at together: how many were changed, not changeable, and the last id."""

    done: int
    failed: int
    last: str | None


Reseal = Callable[[StoredCredential], StoredCredential | None]
"""Returns a credential sealed and digested anew, or None: it does not open."""


class RotationStore(Protocol):
    """One rotation at a time, worked on by one process at a time."""

    async def read(self) -> Rotation | None:
        """Return the rotation that is under way, or the last one."""

    async def begin(self, key: WrappedKey, rotation: Rotation) -> int:
        """Put a key on the ring and begin to rotate to it, at once; return the seq.

        A data key becomes the active one. An index key does when the rotation ends.

        Raises:
            RotationRunningError: One is under way already.
            UniqueViolationError: The key's id is taken.
        """

    async def claim(self, owner: str, *, seconds: float) -> Rotation | None:
        """Take the running rotation for so long; None: there is none, or it is another's."""

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
        """Change rows under a key (None: any), in the order of their ids after one.

        ``size`` is the most that are looked at. What ``change`` returns as it was is left alone.

        Rows that somebody else is writing are left out, and waited for where ``under`` is None:
        nothing else tells that none is left. The progress is noted, and the claim
        prolonged, in the transaction that changes the rows.

        Raises:
            LeaseLostError: The rotation is another's by now, or over.
            RingChangedError: Its target is not the key that rows are to be under any more.
        """

    async def finish(self, owner: str, rotation: Rotation) -> int:
        """End the rotation as it stands in ``rotation``; return the seq.

        Raises:
            LeaseLostError: It is another's by now.
        """


def ended(rotation: Rotation, *, failed: int, now: int) -> Rotation:
    """Return a rotation that is over."""
    status: RotationStatus = "incomplete" if failed else "done"
    return replace(rotation, status=status, failed=failed, finished_at=now)
