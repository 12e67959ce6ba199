"""Takes an access log message apart without trusting what is inside its entries.

protobuf parses a message whole or not at all: one entry with a bad byte would take a thousand
others with it.  This is the way around, for such messages only.
"""

from collections.abc import Iterator

_HTTP_LOGS = 2  # StreamAccessLogsMessage.http_logs
_LOG_ENTRY = 1  # HTTPAccessLogEntries.log_entry
_VARINT, _FIXED64, _LENGTH_DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_SIZES = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT_BITS = 63


def split_entries(message: bytes) -> list[bytes]:
    """Return the bytes of each HTTP entry of a StreamAccessLogsMessage.

    Raises:
        ValueError: The message is cut off or is not a protobuf message.
    """
    return [
        bytes(entry)
        for logs in _values(memoryview(message), _HTTP_LOGS)
        for entry in _values(logs, _LOG_ENTRY)
    ]


def _values(data: memoryview, wanted: int) -> Iterator[memoryview]:
    """Yield the values of one length-delimited field."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == _VARINT:
            _, position = _varint(data, position)
            continue
        if kind == _LENGTH_DELIMITED:
            size, position = _varint(data, position)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise ValueError("unknown wire type")
        end = position + size
        if end > len(data):
            raise ValueError("cut off")
        if tag >> 3 == wanted and kind == _LENGTH_DELIMITED:
            yield data[position:end]
        position = end


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, _MAX_VARINT_BITS + 1, 7):
        if position >= len(data):
            raise ValueError("cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
            return value, position
    raise ValueError("a number is too long")
