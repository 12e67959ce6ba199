"""Remembers how far a spool was delivered.

One short record, overwritten in place: it needs no further room, also on a disk that is full.
One that cannot be read says nothing was delivered: events are sent twice rather than not at all.
"""

import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

_FORMAT = struct.Struct(">4sQQI")
_MAGIC = b"TKc1"
_CHECKSUM = struct.Struct(">I")


class Cursor(NamedTuple):
    """Where to go on.

    Attributes:
        segment: All segments with a smaller number are delivered.
        offset: Of this segment, the records that begin before it are.
        done: Of the next record, so many events are.
    """

    segment: int = 0
    offset: int = 0
    done: int = 0


class CursorFile:
    """A file with a cursor, open until ``close``."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def read(self) -> Cursor:
        """Return the cursor that was written last."""
        content = os.pread(self._descriptor, _FORMAT.size + _CHECKSUM.size, 0)
        text, checksum = content[: _FORMAT.size], content[_FORMAT.size :]
        if len(text) < _FORMAT.size or checksum != _CHECKSUM.pack(zlib.crc32(text)):
            return Cursor()
        magic, *cursor = _FORMAT.unpack(text)
        return Cursor(*cursor) if magic == _MAGIC else Cursor()

    def write(self, cursor: Cursor) -> None:
        """Overwrite the cursor.

        Raises:
            OSError: It cannot be written.
        """
        text = _FORMAT.pack(_MAGIC, *cursor)
        os.pwrite(self._descriptor, text + _CHECKSUM.pack(zlib.crc32(text)), 0)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)
