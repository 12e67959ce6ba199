"""What the files of the spool are made of: records that each stand for themselves.

A record is a head in clear, with a checksum of its own, and the sealed events.  The head is bound
to what is sealed.  What callers can rely on:

1. ``scan`` finds every record whose bytes are whole, also behind ones that are not: it looks for
   the next head that is right.
2. What does not open is not invented: ``RecordFormat.open`` returns the very events, or None.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from analytics.spool_cipher import SALT_LENGTH, TAG_LENGTH, SpoolCipher

_MAGIC = b"TKr1"
# magic, kind, salt, count, batch, events, size, since, length of what is sealed
_HEAD = struct.Struct(f">4sB{SALT_LENGTH}sQQIIdI")
_CHECKSUM = struct.Struct(">I")
HEAD_LENGTH = _HEAD.size + _CHECKSUM.size  # bytes


class RecordKind(IntEnum):
    """What is in a record."""

    BATCH = 1  # the gzip'd JSON array of a batch
    OPEN = 2  # events of the batch that was not full yet, as members of a JSON array


_KINDS = {kind.value: kind for kind in RecordKind}


@dataclass(frozen=True, slots=True)
class Record:
    """The head of a record, and where it stands.

    Attributes:
        kind: What is in it.
        batch: The batch that it is, or that its events were to be part of.
        events: How many events it has.
        size: Their bytes before compression.
        since: When the oldest of them came, in seconds since the epoch.
        offset: Where the record begins in its file.
        length: Its bytes, all of them.
    """

    kind: RecordKind
    batch: int
    events: int
    size: int
    since: float
    offset: int
    length: int


class RecordFormat:
    """Writes and reads the records of one spool."""

    def __init__(self, cipher: SpoolCipher) -> None:
        self._cipher = cipher
        self._count = 0

    def write(
        self, kind: RecordKind, content: bytes, *, batch: int, events: int, size: int, since: float
    ) -> bytes:
        """Return a record's bytes."""
        self._count += 1
        head = _HEAD.pack(
            _MAGIC,
            kind,
            self._cipher.salt,
            self._count,
            batch,
            events,
            size,
            since,
            len(content) + TAG_LENGTH,
        )
        head += _CHECKSUM.pack(zlib.crc32(head))
        return head + self._cipher.seal(content, self._count, head)

    def open(self, record: bytes) -> bytes | None:
        """Return what is in a record, or None: it is not as it was written."""
        head = record[:HEAD_LENGTH]
        if _parse(head, 0) is None:
            return None
        _, _, salt, count, *_ = _HEAD.unpack_from(head)
        return self._cipher.open(record[HEAD_LENGTH:], salt, count, head)


def scan(content: bytes) -> Iterator[Record]:
    """Yield the records of a file in order; those that are cut off or have a bad head are not."""
    at = content.find(_MAGIC)
    while at >= 0:
        record = _parse(content, at)
        if record is None or at + record.length > len(content):
            at = content.find(_MAGIC, at + 1)
            continue
        yield record
        at = content.find(_MAGIC, at + record.length)


def _parse(content: bytes, at: int) -> Record | None:
    if at + HEAD_LENGTH > len(content):
        return None
    (checksum,) = _CHECKSUM.unpack_from(content, at + _HEAD.size)
    if zlib.crc32(memoryview(content)[at : at + _HEAD.size]) != checksum:
        return None
    magic, kind, _, _, batch, events, size, since, length = _HEAD.unpack_from(content, at)
    if magic != _MAGIC or kind not in _KINDS:
        return None
    return Record(_KINDS[kind], batch, events, size, since, at, HEAD_LENGTH + length)
