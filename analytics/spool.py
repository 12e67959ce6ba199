"""Keeps what waits for one application id on disk as well, for the event loop: nothing here waits.

What callers can rely on, strongest first:

1. No method blocks, and none raises because of the disk.  Work is handed to a thread, in order.
2. A disk that is full, cannot be written, or belongs to another process is said once and counted;
   events then wait in memory only, and the disk is tried again every few seconds.
3. ``QueuedBatch.place`` tells what is on disk.  A batch that was delivered before its turn came is
   never written.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from analytics.disk_thread import DiskThread
from analytics.errors import SpoolBusyError
from analytics.metrics import SpoolFault
from analytics.queued_batch import QueuedBatch
from analytics.spool_files import SpoolFiles, SpoolUse

RETRY_SECONDS = 2.0  # before a disk is tried again that could not be used

_log = structlog.get_logger(__name__)


_OPENING = frozenset({SpoolFault.OPEN, SpoolFault.BUSY})


class SpoolUser(Protocol):
    """Whose batches a spool keeps."""

    def found(self, batches: Sequence[QueuedBatch]) -> None:
        """These wait on disk since an earlier run; oldest first."""

    def usable(self) -> None:
        """From now on the disk takes batches: hand over those that it has not."""

    def kept(self, batch: QueuedBatch) -> None:
        """A batch that was handed over is on disk."""

    def failed(self, fault: SpoolFault) -> None:
        """Something could not be done."""


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much one spool may hold.

    Attributes:
        size: Bytes on disk.
        age: Seconds after which an event is too old to be sent.
    """

    size: int
    age: float

    @property
    def segment_size(self) -> int:
        """Bytes of a file: room comes back one file at a time."""
        return max(16 * 1024, min(8 * 1024 * 1024, self.size // 16))


class Spool:
    """One application id's spool.

    Args:
        files: Its files; touched by the thread only.
        limits: How much it may hold.
        thread: Does the work.
        name: What to call it in logs.
    """

    def __init__(
        self, files: SpoolFiles, *, limits: SpoolLimits, thread: DiskThread, name: str
    ) -> None:
        self.limits = limits
        self._files = files
        self._thread = thread
        self._log = _log.bind(plugin=name)
        self._user: SpoolUser | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._looked = asyncio.Event()
        self._is_usable = False
        self._is_failing = False
        self._is_keeping_open = False
        self._is_syncing = False
        self.use = SpoolUse()

    @property
    def is_usable(self) -> bool:
        """Whether the disk takes batches now."""
        return self._is_usable

    @property
    def takes_open_events(self) -> bool:
        """Whether the open events can be handed over: the last ones are on disk already."""
        return self._is_usable and not self._is_keeping_open

    def start(self, user: SpoolUser) -> None:
        """Begin to look for what is on disk, and to keep what comes."""
        self._user = user
        self._open()

    async def looked(self, *, limit: float) -> None:
        """Wait until it is known what is on disk, or that it cannot be, for so many seconds."""
        try:
            async with asyncio.timeout(limit):
                await self._looked.wait()
        except TimeoutError:
            self._log.error("the disk does not answer; events wait in memory only")
            self._is_failing = True

    def keep(self, batch: QueuedBatch) -> None:
        """Write a batch, unless it is delivered before."""
        if not self._is_usable:
            return
        batch.is_being_kept = True

        def work() -> SpoolUse:
            self._files.append(batch)
            return self._files.use

        self._thread.submit(work, lambda outcome: self._kept(batch, outcome))

    def keep_open(self, number: int, events: Sequence[bytes], since: float) -> None:
        """Write events of a batch that is not full yet."""
        self._is_keeping_open = True
        self._thread.submit(lambda: self._files.keep_open(number, events, since), self._kept_open)

    def settle(self, batch: QueuedBatch) -> None:
        """Forget a batch, or of one that is delivered in part, that part."""
        done = batch.done if batch.remaining else 0
        if not batch.remaining:
            batch.body = None

        def work() -> SpoolUse:
            if batch.place is not None:
                self._files.settle(batch.place, done)
            return self._files.use

        self._thread.submit(work, self._settled)

    async def read(self, batch: QueuedBatch) -> bytes | None:
        """Return the body of a batch that is on disk, or None: it cannot be read as it was."""
        place = batch.place
        if place is None:
            return None
        try:
            body = await self._thread.ask(lambda: self._files.read(place))
        except OSError as error:
            self._log.error("the spool cannot be read", why=error.strerror)
            body = None
        if body is None:
            self._fail(SpoolFault.READ)
        return body

    def sync(self) -> None:
        """Have what was written survive a power cut."""
        if self._is_usable and not self._is_syncing:
            self._is_syncing = True
            self._thread.submit(self._files.sync, self._synced)

    async def close(self, *, limit: float) -> None:
        """Write what was handed over, for so many seconds, and let go of the disk."""
        if self._retry is not None:
            self._retry.cancel()
        self._thread.submit(self._files.close)
        if not await self._thread.close(limit=limit):
            self._log.error("the disk is too slow: not all that waits may be on it")
        self._is_usable = False

    def _open(self) -> None:
        def work() -> tuple[list[QueuedBatch], SpoolUse]:
            return self._files.open(), self._files.use

        self._thread.submit(work, self._opened)

    def _opened(self, outcome: tuple[list[QueuedBatch], SpoolUse] | Exception) -> None:
        self._looked.set()
        if isinstance(outcome, Exception):
            busy = isinstance(outcome, SpoolBusyError)
            self._broken(SpoolFault.BUSY if busy else SpoolFault.OPEN, outcome)
            return
        self._is_usable = True
        found, self.use = outcome
        if self._user is not None:
            if found:
                self._user.found(found)
            self._user.usable()

    def _kept(self, batch: QueuedBatch, outcome: SpoolUse | Exception) -> None:
        batch.is_being_kept = False
        if isinstance(outcome, Exception):
            self._broken(SpoolFault.WRITE, outcome)
            return
        self.use = outcome
        if self._is_failing:
            self._is_failing = False
            self._log.info("the spool takes events again")
        if self._user is not None:
            self._user.kept(batch)

    def _kept_open(self, outcome: Exception | None) -> None:
        self._is_keeping_open = False
        if isinstance(outcome, Exception):
            self._broken(SpoolFault.WRITE, outcome)

    def _settled(self, outcome: SpoolUse | Exception) -> None:
        if isinstance(outcome, Exception):
            self._broken(SpoolFault.WRITE, outcome)
        else:
            self.use = outcome

    def _synced(self, outcome: Exception | None) -> None:
        self._is_syncing = False
        if isinstance(outcome, Exception):
            self._broken(SpoolFault.SYNC, outcome)

    def _broken(self, fault: SpoolFault, error: Exception) -> None:
        """Go on in memory, and try the disk again later."""
        if self._is_usable or fault in _OPENING:
            self._fail(fault)
        self._is_usable = False
        if not self._is_failing:
            self._is_failing = True
            why = error.strerror if isinstance(error, OSError) else type(error).__name__
            self._log.error("the spool cannot be used; events wait in memory only", why=why)
        if self._retry is None:
            loop = asyncio.get_running_loop()
            self._retry = loop.call_later(RETRY_SECONDS, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._open()

    def _fail(self, fault: SpoolFault) -> None:
        if self._user is not None:
            self._user.failed(fault)
