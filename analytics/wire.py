"""Protobuf's wire format, as far as programs usually write it.

What callers can rely on:

1. What is read is what protobuf reads.  Where that would take more than is known here, one of the
   errors of ``UNREAD`` is raised, and protobuf has to be asked; it alone refuses messages.
2. Every position follows from the lengths that the message gives; nothing is searched for.  So no
   bytes of a value are taken for anything else.

Fields may come in any order and again, and unknown ones in between.  Left to protobuf are groups,
numbers above 63 bits, lengths above 28, and times that cannot be or come in several parts.

``i64`` is for mypyc, which keeps such a number in a register; without it, it is an int.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from mypy_extensions import i64

SECOND: Final = 1_000_000_000  # nanoseconds

_SHORT: Final = 0x7F  # the largest number of one byte
_BITS: Final = 7  # of a number in each byte
_LAST_SHIFT: Final = 56  # of the ninth byte: whatever it is, the sign stays out of it
_LAST_LENGTH_SHIFT: Final = 21
_LARGEST_TAG: Final = 0x3FFF
_MAX_INT32: Final = 0x7FFF_FFFF
_MAX_SECONDS: Final = 1 << 33  # in the year 2242; a clock beyond it is wrong

# How a field is written, which is in the last bits of its tag
_VARINT: Final = 0
_EIGHT_BYTES: Final = 1
_LENGTH: Final = 2
_FOUR_BYTES: Final = 5
_WRITTEN: Final = 7
_WRITTEN_BITS: Final = 3

# What a field is; else nobody asks for it.
_TEXT: Final = 1
_PIECE: Final = 2
_MESSAGE: Final = 3
_TIME: Final = 4
_INT32: Final = 5
_INT64: Final = 6

# The fields of a map's entry
_KEY: Final = 0x0A
_VALUE: Final = 0x12

# The fields of a google.protobuf.Duration or Timestamp
_SECONDS: Final = 0x08
_NANOS: Final = 0x10


@final
class Unusual(Exception):  # noqa: N818 - it is no error: protobuf may well read it
    """This is not for here: protobuf is to be asked."""


# What reading raises where protobuf is to be asked: the second as the message ends too early, the
# third as its text is none.
UNREAD: Final = (Unusual, IndexError, UnicodeDecodeError)


@final
class Shape:
    """Which fields of a message are asked for, by their numbers."""

    __slots__ = ("kinds", "nothing")

    def __init__(
        self,
        *,
        texts: Iterable[int] = (),
        pieces: Iterable[int] = (),
        messages: Iterable[int] = (),
        times: Iterable[int] = (),
        int32s: Iterable[int] = (),
        int64s: Iterable[int] = (),
    ) -> None:
        """Tell fields and what they are.

        Args:
            texts: Strings.
            pieces: Bytes.
            messages: Messages, repeated or not, and what is repeated: each is entered.
            times: Messages that are a Duration or Timestamp.
            int32s: Numbers of 32 bits, enums and flags.
            int64s: Numbers of 64 bits.
        """
        listed: list[tuple[int, Iterable[int], object]] = [
            (_TEXT, texts, ""),
            (_PIECE, pieces, b""),
            (_MESSAGE, messages, None),
            (_TIME, times, None),
            (_INT32, int32s, 0),
            (_INT64, int64s, 0),
        ]
        fields = {field: (kind, default) for kind, those, default in listed for field in those}
        numbers = range(max(fields) + 1)
        self.kinds = bytes([fields.get(field, (0, None))[0] for field in numbers])
        self.nothing: list[Any] = [fields.get(field, (0, None))[1] for field in numbers]


class Fields:
    """What a message has in the fields of a shape; each is asked for as what it is there."""

    __slots__ = ("_kinds", "_values")

    def __init__(self, shape: Shape) -> None:
        """Have nothing yet."""
        self._kinds = shape.kinds
        self._values = shape.nothing.copy()

    def read(self, data: bytes, at: "i64", end: "i64") -> None:
        """Read the message that these bytes are, on top of what was read before.

        Raises:
            Unusual: And the others of ``UNREAD``.
        """
        while at < end:
            tag: i64 = data[at]
            at += 1
            if tag > _SHORT:
                tag, at = _tag(data, at - 1)
            if tag <= _WRITTEN:
                raise Unusual  # there is no field 0
            written: i64 = tag & _WRITTEN
            if written == _LENGTH:
                size: i64 = data[at]
                at += 1
                if size > _SHORT:
                    size, at = length(data, at - 1)
                self._take(tag >> _WRITTEN_BITS, data, at, at + size)
                at += size
            elif written == _VARINT:
                value, at = _number(data, at)
                self._count(tag >> _WRITTEN_BITS, value)
            else:
                at += _fixed(written)
        if at != end:
            raise Unusual

    def enter(self, field: "i64", data: bytes, at: "i64", end: "i64") -> None:
        """Read a message that is a field; for those who inherit from this.

        What comes again is to be read on top of what came before: that is how protobuf merges.
        """

    def text(self, field: "i64") -> str:
        """Return a text; empty if there is none."""
        value: str = self._values[field]
        return value

    def piece(self, field: "i64") -> bytes:
        """Return bytes; empty if there are none."""
        value: bytes = self._values[field]
        return value

    def time(self, field: "i64") -> int | None:
        """Return a time in nanoseconds; None if there is none."""
        value: int | None = self._values[field]
        return value

    def number(self, field: "i64") -> int:
        """Return a number; 0 if there is none."""
        value: int = self._values[field]
        return value

    def _take(self, field: "i64", data: bytes, at: "i64", end: "i64") -> None:
        if field >= len(self._kinds):
            return
        kind: i64 = self._kinds[field]
        if kind == _MESSAGE:
            self.enter(field, data, at, end)
        elif kind == _TEXT:
            self._values[field] = data[at:end].decode()
        elif kind == _PIECE:
            self._values[field] = data[at:end]
        elif kind == _TIME:
            if self._values[field] is not None:
                raise Unusual  # protobuf merges both
            self._values[field] = _time(data, at, end)

    def _count(self, field: "i64", value: "i64") -> None:
        if field >= len(self._kinds):
            return
        kind: i64 = self._kinds[field]
        if kind == _INT32 and value > _MAX_INT32:
            raise Unusual  # protobuf keeps the lower bits
        if kind >= _INT32:
            self._values[field] = value


def length(data: bytes, at: "i64") -> "tuple[i64, i64]":
    """Return the length that begins there, and where what is so long begins.

    Raises:
        Unusual: And the others of ``UNREAD``.
    """
    return _varint(data, at, _LAST_LENGTH_SHIFT)


def _number(data: bytes, at: "i64") -> "tuple[i64, i64]":
    return _varint(data, at, _LAST_SHIFT)


def _varint(data: bytes, at: "i64", last_shift: "i64") -> "tuple[i64, i64]":
    value: i64 = 0
    shift: i64 = 0
    while shift <= last_shift:
        byte: i64 = data[at]
        at += 1
        value |= (byte & _SHORT) << shift
        if byte <= _SHORT:
            return value, at
        shift += _BITS
    raise Unusual


def _tag(data: bytes, at: "i64") -> "tuple[i64, i64]":
    tag, at = length(data, at)
    if tag > _LARGEST_TAG:
        raise Unusual
    return tag, at


def _fixed(written: "i64") -> "i64":
    if written == _EIGHT_BYTES:
        return 8
    if written == _FOUR_BYTES:
        return 4
    raise Unusual


def _time(data: bytes, at: "i64", end: "i64") -> "i64":
    seconds: i64 = 0
    nanos: i64 = 0
    while at < end:
        tag: i64 = data[at]
        if tag == _SECONDS:
            seconds, at = _number(data, at + 1)
        elif tag == _NANOS:
            nanos, at = _number(data, at + 1)
        else:
            raise Unusual
    if at != end or nanos >= SECOND or seconds >= _MAX_SECONDS:
        raise Unusual
    return seconds * SECOND + nanos


def key_and_value(data: bytes, at: "i64", end: "i64") -> "tuple[i64, i64, i64]":
    """Return where the key of a map's entry begins and ends, and where its value begins.

    Both have a length; the value ends where the entry does.

    Raises:
        Unusual: And the others of ``UNREAD``.
    """
    if data[at] != _KEY:
        raise Unusual
    size, start = length(data, at + 1)
    middle: i64 = start + size
    if data[middle] != _VALUE:
        raise Unusual
    size, value = length(data, middle + 1)
    if value + size != end:
        raise Unusual
    return start, middle, value
