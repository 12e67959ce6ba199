"""The segments of a spool: files of records, of which only the newest is written to.

A segment of an earlier run is never appended to: what a crash tore off stays behind, and no
record is sealed under a count that was used before.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from analytics.queued_batch import Place
from analytics.spool_record import Record, scan

SEGMENT = ".segment"  # the end of a file name
TIDY_SIZE = 256 * 1024  # bytes of a segment that is removed once all of it is delivered


class Segments:
    """The segments in one directory; one process at a time uses them.

    Args:
        directory: Where they are.
        max_size: Bytes after which the next segment begins.
        after: The number that every new segment's number is above.
    """

    def __init__(self, directory: Path, *, max_size: int, after: int) -> None:
        self._directory = directory
        self._max_size = max_size
        self._sizes = {number: self._path(number).stat().st_size for number in self._numbers()}
        self._descriptor: int | None = None  # of the newest, while it is written to
        self._next = max(after, *self._sizes, 0) + 1

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._sizes)

    @property
    def size(self) -> int:
        """How many bytes they have."""
        return sum(self._sizes.values())

    def append(self, record: bytes) -> Place:
        """Write a record at the end; return where.

        Raises:
            OSError: It cannot be written, or not whole.
        """
        descriptor = self._descriptor
        if descriptor is None or self._sizes[self._next - 1] >= self._max_size:
            descriptor = self._begin()
        number = self._next - 1
        offset = self._sizes[number]
        try:
            _write_all(descriptor, record)
        except OSError:
            self._leave()  # what comes next goes to another segment, behind what may be torn here
            if not offset:
                self._remove(number)
            raise
        self._sizes[number] += len(record)
        return Place(number, offset, len(record))

    def read(self, place: Place) -> bytes:
        """Return the bytes at a place; fewer if they are not there.

        Raises:
            OSError: They cannot be read.
        """
        descriptor = os.open(self._path(place.segment), os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, place.length, place.offset)
        finally:
            os.close(descriptor)

    def records(self, start: int) -> Iterator[tuple[int, Record]]:
        """Yield the records of all segments from a number on, in order; cut torn tails.

        Raises:
            OSError: A segment cannot be read.
        """
        for number in sorted(number for number in self._sizes if number >= start):
            content = self._path(number).read_bytes()
            end = 0
            for record in scan(content):
                yield number, record
                end = record.offset + record.length
            if end < len(content):
                os.truncate(self._path(number), end)
                self._sizes[number] = end

    def remove_before(self, number: int) -> None:
        """Remove every segment with a smaller number.

        Raises:
            OSError: One cannot be removed.
        """
        for old in [old for old in self._sizes if old < number]:
            self._remove(old)

    def remove(self, number: int) -> None:
        """Remove a segment of which nothing is needed any more.

        The newest stays as long as it is small, to be written to: making files takes longer than
        leaving them.

        Raises:
            OSError: It cannot be removed.
        """
        if number == self._next - 1 and self._descriptor is not None:
            if self._sizes[number] < TIDY_SIZE:
                return
            self._leave()
        if number in self._sizes:
            self._remove(number)

    def sync(self) -> None:
        """Have what was written survive a power cut.

        Raises:
            OSError: It cannot be made sure.
        """
        if self._descriptor is not None:
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Write no more."""
        self._leave()

    def _begin(self) -> int:
        self._leave()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path(self._next), flags, 0o600)
        self._sizes[self._next] = 0
        self._next += 1
        return self._descriptor

    def _leave(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _remove(self, number: int) -> None:
        self._path(number).unlink(missing_ok=True)
        del self._sizes[number]

    def _numbers(self) -> Iterator[int]:
        for path in self._directory.glob(f"*{SEGMENT}"):
            if path.stem.isascii() and path.stem.isdigit():
                yield int(path.stem)

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:016}{SEGMENT}"


def _write_all(descriptor: int, content: bytes) -> None:
    written = os.write(descriptor, content)
    while written < len(content):  # the disk is nearly full: the next write says so
        written += os.write(descriptor, memoryview(content)[written:])
