"""Exchanges the active data key, or the index key, for a new one, and brings every row under it.

What callers can rely on:

1. Any number of processes may run this; one at a time works, and another goes on where that one
   stopped, also after a crash: what is done is told by the rows themselves.
2. Reads and writes go on. A row is changed in one transaction, and at every moment is sealed under
   one key of the ring.
3. A row that does not open is left as it is, counted and logged; it stops nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol
from uuid import uuid4

import structlog

from authsvc.custodian import ClearKey, Custodian
from authsvc.entities import StoredCredential
from authsvc.errors import KeyInUseError, KeyringError, LeaseLostError, RingChangedError
from authsvc.keyring import generate_key, generate_key_id
from authsvc.ring_store import Batch, KeyringStore, Reseal, Rotation, RotationStore, ended
from authsvc.sealing import DATA, INDEX, Sealer
from authsvc.store import AppliedBoard, ChangeFeed

LEASE_SECONDS = 15.0  # how long a process that says nothing keeps others from taking over
BATCH = 500  # rows: some hundredths of a second
# After which nearly every process that writes has heard of a new index key; whoever has not is
# told when it writes (``KeyRemovedError``), or its row is brought along.
WRITERS_SECONDS = 10.0
_BUSY_SECONDS = 0.2  # until rows that others were writing are looked at again

_log = structlog.get_logger(__name__)


class RotationMetrics(Protocol):
    """Implemented by the process shell; never raises."""

    def rotated(self, *, remaining: int, failed: int) -> None:
        """So many rows of the rotation are left, and so many do not open."""


class Rotator:
    """Rotations of one database, as one process works on them."""

    def __init__(
        self,
        *,
        keyring: KeyringStore,
        rotations: RotationStore,
        custodian: Custodian,
        sealer: Sealer,
        board: AppliedBoard,
        changes: ChangeFeed,
        metrics: RotationMetrics | None = None,
        clock: Callable[[], float] = time.time,
        lease: float = LEASE_SECONDS,
        batch: int = BATCH,
        writers: float = WRITERS_SECONDS,
    ) -> None:
        self._keyring = keyring
        self._rotations = rotations
        self._custodian = custodian
        self._sealer = sealer
        self._board = board
        self._changes = changes
        self._writers = writers
        self._metrics = metrics
        self._clock = clock
        self._lease = lease
        self._batch = batch
        self._owner = str(uuid4())
        self._begun = asyncio.Event()

    async def read(self) -> Rotation | None:
        """Return the rotation that is under way, or the last one."""
        return await self._rotations.read()

    async def begin(self, purpose: str = DATA) -> tuple[Rotation, int]:
        """Make a new key, and begin to rotate; return also the seq.

        A data key seals from now on. By an index key rows are written once every worker knows it.

        Raises:
            RotationRunningError: One is under way already.
            RootKeyError: The root key does not open the ring.
        """
        await self._custodian.prove()
        clear = ClearKey(generate_key_id(), generate_key())
        rotation = Rotation(
            purpose=purpose,
            target=clear.id,
            status="running",
            total=sum((await self._keyring.usage()).values()),
            started_at=int(self._clock()),
        )
        key = self._custodian.wrapped(clear, purpose=purpose)
        seq = await self._rotations.begin(key, rotation)
        await self._custodian.reload()
        _log.info("rotation began", target=clear.id, rows=rotation.total)
        self._begun.set()
        return rotation, seq

    async def wait(self, seconds: float) -> None:
        """Return when a rotation was begun here, at the latest after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._begun.wait()
        except TimeoutError:
            return
        self._begun.clear()

    async def work(self) -> bool:
        """Bring the running rotation to its end; False: there is none, or it is another's.

        Raises:
            StoreUnavailableError: Call again to go on.
            RootKeyError: The root key does not open the ring.
        """
        rotation = await self._rotations.claim(self._owner, seconds=self._lease)
        if rotation is None:
            return False
        try:
            await self._custodian.reload()
            failed = await self._STEPS[rotation.purpose](self, rotation)
            await self._finish(rotation, failed)
        except RingChangedError:
            # Somebody has activated another key since: this target has had its time.
            await self._finish(rotation, sum((await self._left(rotation)).values()))
        except LeaseLostError:
            _log.warning("rotation taken over by another process", target=rotation.target)
        return True

    async def _bring_all(self, rotation: Rotation) -> int:
        """Go over the rows until none is left but those that do not open; return how many."""
        while True:
            failed = 0
            for key_id in await self._left(rotation):
                failed += await self._bring_those_under(key_id)
            left = sum((await self._left(rotation)).values())
            if self._metrics is not None:
                self._metrics.rotated(remaining=left, failed=failed)
            if left <= failed:
                return failed
            await asyncio.sleep(_BUSY_SECONDS)

    async def _index_all(self, rotation: Rotation) -> int:
        """Let every row be found by the new index key alone; return how many do not open."""
        await self._until_known()
        await self._keyring.activate(rotation.target)
        await self._custodian.reload()
        await self._rest(self._writers)
        while True:
            batch = await self._bring(self._reindexed, under=None)
            if self._metrics is not None:
                self._metrics.rotated(remaining=batch.done, failed=batch.failed)
            if batch.failed and not batch.done:
                return batch.failed
            if not batch.done and await self._old_index_keys_removed():
                return 0

    async def _old_index_keys_removed(self) -> bool:
        """Remove them; False: somebody who slept meanwhile has written a row under one."""
        try:
            for key in await self._keyring.load():
                if key.purpose == INDEX and not key.active:
                    await self._keyring.remove(key.id)
        except KeyInUseError:
            await self._rest(_BUSY_SECONDS)
            return False
        await self._custodian.reload()
        return True

    async def _until_known(self) -> None:
        """Return once every live worker looks rows up by the new index key also."""
        head = await self._changes.head()
        while (slowest := await self._board.slowest()) is not None and slowest < head:
            await self._rest(_BUSY_SECONDS)

    async def _rest(self, seconds: float) -> None:
        """Wait, and keep the lease."""
        while seconds > 0:
            pause = min(seconds, self._lease / 3)
            await asyncio.sleep(pause)
            seconds -= pause
            if await self._rotations.claim(self._owner, seconds=self._lease) is None:
                raise LeaseLostError

    async def _bring_those_under(self, key_id: str) -> int:
        return (await self._bring(self._resealed, under=key_id)).failed

    async def _bring(self, change: Reseal, *, under: str | None) -> Batch:
        """Go over the rows once, batch by batch; return what became of all of them."""
        done, failed, after = 0, 0, None
        while True:
            batch = await self._rotations.reseal(
                self._owner,
                change,
                under=under,
                after=after,
                size=self._batch,
                seconds=self._lease,
            )
            done, failed = done + batch.done, failed + batch.failed
            if batch.last is None:
                return Batch(done, failed, after)
            after = batch.last
            await asyncio.sleep(0)

    async def _left(self, rotation: Rotation) -> dict[str, int]:
        usage = await self._keyring.usage()
        return {key_id: rows for key_id, rows in usage.items() if key_id != rotation.target}

    async def _finish(self, rotation: Rotation, failed: int) -> None:
        over = ended(rotation, failed=failed, now=int(self._clock()))
        await self._rotations.finish(self._owner, over)
        _log.info("rotation ended", target=rotation.target, status=over.status, failed=failed)

    def _resealed(self, credential: StoredCredential) -> StoredCredential | None:
        return self._or_told(self._sealer.reseal, credential)

    def _reindexed(self, credential: StoredCredential) -> StoredCredential | None:
        return self._or_told(self._sealer.reindex, credential)

    def _or_told(
        self, change: Callable[[StoredCredential], StoredCredential], credential: StoredCredential
    ) -> StoredCredential | None:
        try:
            return change(credential)
        except KeyringError:
            _log.error(
                "a stored credential does not open",
                credential_id=credential.id,
                consumer_id=credential.consumer_id,
            )
            return None

    _STEPS: Mapping[str, Callable[["Rotator", Rotation], Awaitable[int]]] = {
        DATA: _bring_all,
        INDEX: _index_all,
    }
