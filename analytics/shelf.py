"""What one delivery has on disk: its spool and its dead letters, or nothing at all.

Without a disk everything is in memory, and nothing here does anything.
"""

import asyncio
from collections.abc import Sequence

import structlog

from analytics.dead_letters import DeadLetter, DeadLetterFile
from analytics.disk_thread import DiskThread
from analytics.metrics import SpoolFault
from analytics.queued_batch import QueuedBatch
from analytics.spool import Spool, SpoolUser
from analytics.spool_files import SpoolUse

_BURY_SECONDS = 5.0  # that a dead letter may take; sending does not wait for longer
_NOTHING = SpoolUse()

_log = structlog.get_logger(__name__)


class Shelf:
    """The disk of one delivery.

    Args:
        thread: Does the disk's work; None: there is no disk.
        spool: What waits; None: that is in memory only.
        dead_letters: What will never be taken; None: it is only counted.
    """

    def __init__(
        self,
        *,
        thread: DiskThread | None = None,
        spool: Spool | None = None,
        dead_letters: DeadLetterFile | None = None,
    ) -> None:
        self._thread = thread
        self._spool = spool
        self._dead_letters = dead_letters
        self._user: SpoolUser | None = None

    @property
    def is_usable(self) -> bool:
        """Whether batches are kept on disk now."""
        return self._spool is not None and self._spool.is_usable

    @property
    def takes_open_events(self) -> bool:
        """Whether open events can be handed over now."""
        return self._spool is not None and self._spool.takes_open_events

    @property
    def max_size(self) -> int | None:
        """How many bytes may wait on disk; None: there is none."""
        if self._spool is None:
            return None
        limits = self._spool.limits
        # What was delivered goes segment by segment, so that two may be there beside what waits.
        return limits.size - 2 * limits.segment_size

    @property
    def max_age(self) -> float | None:
        """Seconds that an event may wait; None: for ever."""
        return None if self._spool is None else self._spool.limits.age

    @property
    def use(self) -> SpoolUse:
        """What waits on disk."""
        return _NOTHING if self._spool is None else self._spool.use

    def start(self, user: SpoolUser) -> None:
        """Begin to look for what is on disk."""
        self._user = user
        if self._spool is not None:
            self._spool.start(user)

    async def looked(self, *, limit: float) -> None:
        """Wait until it is known what is on disk, for so many seconds."""
        if self._spool is not None:
            await self._spool.looked(limit=limit)

    def keep(self, batch: QueuedBatch) -> None:
        """Keep a batch."""
        if self._spool is not None:
            self._spool.keep(batch)

    def keep_open(self, number: int, events: Sequence[bytes], since: float) -> None:
        """Keep events of a batch that is not full yet."""
        if self._spool is not None:
            self._spool.keep_open(number, events, since)

    def settle(self, batch: QueuedBatch) -> None:
        """Keep a batch, or the part of it that is done, no more."""
        if self._spool is not None:
            self._spool.settle(batch)

    def sync(self) -> None:
        """Have what is kept survive a power cut."""
        if self._spool is not None:
            self._spool.sync()

    async def read(self, batch: QueuedBatch) -> bytes | None:
        """Return the body of a batch, or None: it is gone."""
        return None if self._spool is None else await self._spool.read(batch)

    async def bury(self, letters: Sequence[DeadLetter]) -> bool:
        """Write dead letters; tell whether they were written."""
        file = self._dead_letters
        if self._thread is None or file is None:
            return False
        try:
            async with asyncio.timeout(_BURY_SECONDS):
                await self._thread.ask(lambda: file.append(letters))
        except (OSError, TimeoutError):
            _log.error("dead letters cannot be written; the events are only counted")
            if self._user is not None:
                self._user.failed(SpoolFault.DEAD_LETTER)
            return False
        return True

    async def close(self, *, limit: float) -> None:
        """Let what was handed over get to the disk, for so many seconds."""
        if self._spool is not None:
            await self._spool.close(limit=limit)
        elif self._thread is not None:
            await self._thread.close(limit=limit)
