"""The files of one spool: what waits for one application id, on disk.

Everything here may take as long as the disk takes, and belongs to one thread; ``analytics.spool``
is for the event loop.  What callers can rely on, strongest first:

1. One process at a time has a spool: the others get ``SpoolBusyError``.
2. What ``append`` and ``keep_open`` returned for survives the end of this process, however it
   ends; what ``sync`` returned for survives a power cut too.
3. What cannot be read back as it was written is left out, and nothing else is.
4. ``open`` returns what was not settled, oldest first.  What was sent, but not settled before the
   process was killed, is among it; so may be what was dropped while something older was not done.
"""

import fcntl
import os
import secrets
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analytics.encoding import compress_events, join_events, split_events
from analytics.errors import SpoolBusyError
from analytics.queued_batch import Place, QueuedBatch
from analytics.spool_cipher import SpoolCipher
from analytics.spool_cursor import Cursor, CursorFile
from analytics.spool_record import Record, RecordFormat, RecordKind, scan
from analytics.spool_segments import Segments

LOCK = "lock"
OPEN = "open"
_CURSOR = "cursor"
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class SpoolUse:
    """What a spool takes of the disk."""

    size: int = 0
    segments: int = 0


class SpoolFiles:
    """The files in one directory.

    Args:
        directory: Where they are, or shall be.
        cipher: Seals them.
        segment_size: Bytes after which a segment is full.
    """

    def __init__(self, directory: Path, *, cipher: SpoolCipher, segment_size: int) -> None:
        self._directory = directory
        self._format = RecordFormat(cipher)
        self._segment_size = segment_size
        self._lock: int | None = None
        self._open_events: int | None = None  # the descriptor of their file
        self._has_open_events = False
        self._cursor: CursorFile | None = None
        self._segments: Segments | None = None
        self._unsettled: deque[Place] = deque()
        self._settled: set[Place] = set()  # those that are not the oldest, which is not yet
        self._live: Counter[int] = Counter()  # by segment: what is not settled
        self._is_broken = False
        self._is_unsynced = False

    @property
    def use(self) -> SpoolUse:
        """What there is on disk."""
        if self._segments is None:
            return SpoolUse()
        return SpoolUse(self._segments.size, self._segments.count)

    def open(self) -> list[QueuedBatch]:
        """Take the directory, and return what waits in it; nothing if it was taken before.

        After an error of ``append`` nothing can be appended until this was called, and then the
        open events are to be kept again.

        Raises:
            SpoolBusyError: Another process has it.
            OSError: It cannot be made, read or written.
        """
        self._is_broken = False
        if self._segments is not None:
            self._forget_open_events()
            return []
        try:
            self._take()
            return self._look()
        except (OSError, SpoolBusyError):
            self.close()
            raise

    def append(self, batch: QueuedBatch) -> None:
        """Write a batch that is in memory, and note where; its open events are kept no more.

        Raises:
            OSError: It cannot be written.
        """
        body = batch.body
        if body is not None:
            record = self._format.write(
                RecordKind.BATCH,
                body,
                batch=batch.number,
                events=batch.events,
                size=batch.size,
                since=batch.since,
            )
            batch.place = self._append(record)
        self._forget_open_events()

    def keep_open(self, batch: int, events: Sequence[bytes], since: float) -> None:
        """Write events of a batch that is not full yet.

        Raises:
            OSError: They cannot be written.
        """
        content = join_events(events)
        record = self._format.write(
            RecordKind.OPEN,
            content,
            batch=batch,
            events=len(events),
            size=len(content),
            since=since,
        )
        descriptor = self._open_file()
        self._has_open_events = True
        if os.write(descriptor, record) < len(record):
            raise OSError("the disk is full")

    def settle(self, place: Place, done: int) -> None:
        """Forget a record or, if it is the oldest, its first ``done`` events.

        Raises:
            OSError: That cannot be written, or what is not needed not be removed.
        """
        segments = self._opened()
        if not done:
            self._settled.add(place)
            self._live[place.segment] -= 1
        while self._unsettled and self._unsettled[0] in self._settled:
            self._settled.remove(self._unsettled.popleft())
        if self._unsettled:
            oldest = self._unsettled[0]
            self._move(Cursor(oldest.segment, oldest.offset, done if oldest == place else 0))
        else:
            self._move(Cursor(place.segment, place.offset + place.length))
        # Also one behind the oldest: a batch that is tried for hours must not keep all others.
        if not self._live[place.segment]:
            segments.remove(place.segment)

    def read(self, place: Place) -> bytes | None:
        """Return the body of a batch, or None: it is not as it was written.

        Raises:
            OSError: It cannot be read.
        """
        return self._format.open(self._opened().read(place))

    def sync(self) -> None:
        """Have what was written survive a power cut.

        Raises:
            OSError: It cannot be made sure.
        """
        if self._is_unsynced and self._segments is not None:
            self._segments.sync()
            self._is_unsynced = False

    def close(self) -> None:
        """Let go of everything; what waits stays."""
        if self._segments is not None:
            self._segments.close()
            self._segments = None
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None
        for descriptor in (self._open_events, self._lock):
            if descriptor is not None:
                os.close(descriptor)
        self._open_events = self._lock = None

    def _take(self) -> None:
        for directory in (self._directory.parent, self._directory):
            directory.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
            directory.chmod(_PRIVATE)  # also where it was there before
        self._lock = _open_file(self._directory / LOCK, os.O_RDWR)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SpoolBusyError from None

    def _look(self) -> list[QueuedBatch]:
        cursor = self._cursor_file().read()
        segments = Segments(self._directory, max_size=self._segment_size, after=cursor.segment)
        segments.remove_before(cursor.segment)
        waiting, known = _waiting(segments, cursor)
        self._unsettled = deque(batch.place for batch in waiting if batch.place is not None)
        self._live = Counter(place.segment for place in self._unsettled)
        self._segments = segments
        rest = self._rest(known)
        return [*waiting, rest] if rest else waiting

    def _append(self, record: bytes) -> Place:
        if self._is_broken:
            raise OSError("nothing is written after an error")
        try:
            place = self._opened().append(record)
        except OSError:
            self._is_broken = True
            raise
        self._unsettled.append(place)
        self._live[place.segment] += 1
        self._is_unsynced = True
        return place

    def _move(self, cursor: Cursor) -> None:
        self._cursor_file().write(cursor)
        self._opened().remove_before(cursor.segment)

    def _rest(self, known: set[int]) -> QueuedBatch | None:
        """Make a batch of the events that were to be part of one when the process ended."""
        self._open_file()
        content = (self._directory / OPEN).read_bytes()
        events: list[bytes] = []
        since = time.time()
        for record in scan(content):
            text = self._format.open(content[record.offset : record.offset + record.length])
            if text is not None and record.batch not in known:
                events += split_events(text)
                since = min(since, record.since)
        self._has_open_events = bool(content)
        if not events:
            self._forget_open_events()
            return None
        batch = QueuedBatch(
            number=secrets.randbits(64),
            events=len(events),
            size=sum(map(len, events)),
            since=since,
            body=compress_events(events),
        )
        self.append(batch)
        batch.body = None
        return batch

    def _forget_open_events(self) -> None:
        if self._has_open_events:
            os.ftruncate(self._open_file(), 0)
            self._has_open_events = False

    def _open_file(self) -> int:
        if self._open_events is None:
            self._open_events = _open_file(self._directory / OPEN, os.O_WRONLY | os.O_APPEND)
        return self._open_events

    def _cursor_file(self) -> CursorFile:
        if self._cursor is None:
            self._cursor = CursorFile(self._directory / _CURSOR)
        return self._cursor

    def _opened(self) -> Segments:
        if self._segments is None:
            raise OSError("the spool is not open")
        return self._segments


def _waiting(segments: Segments, cursor: Cursor) -> tuple[list[QueuedBatch], set[int]]:
    """Return the batches that were not settled, and the numbers of all that there are."""
    waiting: list[QueuedBatch] = []
    known: set[int] = set()
    for number, record in segments.records(cursor.segment):
        if record.kind is not RecordKind.BATCH:
            continue
        known.add(record.batch)
        if (number, record.offset) >= (cursor.segment, cursor.offset):
            done = cursor.done if (number, record.offset) == cursor[:2] else 0
            waiting.append(_batch(number, record, done))
    return waiting, known


def _batch(segment: int, record: Record, done: int) -> QueuedBatch:
    return QueuedBatch(
        number=record.batch,
        events=record.events,
        size=record.size,
        since=record.since,
        place=Place(segment, record.offset, record.length),
        done=min(done, record.events),
    )


def _open_file(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o600)
