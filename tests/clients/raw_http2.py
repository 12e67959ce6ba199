"""Sends exact header lines over HTTP/2, as written: frames by hand, values without compression."""

import asyncio
import struct

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _GOAWAY = 0x0, 0x1, 0x3, 0x4, 0x7
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_LONGEST_PREFIX = 0x7F
_WITHIN = 10.0  # seconds

Header = tuple[bytes, bytes]


async def ask(
    port: int, path: str, *headers: Header, also: tuple[Header, ...] = ()
) -> bytes | None:
    """GET a path; return the body of the answer, or None if the stream or connection was killed.

    Args:
        port: Where to connect on 127.0.0.1.
        path: Path and query.
        headers: Lines behind the pseudo headers.
        also: Lines among the pseudo headers.
    """
    pseudo = (
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"gateway.test"),
        (b":path", path.encode()),
        *also,
    )
    block = b"".join(b"\x00" + _text(name) + _text(value) for name, value in (*pseudo, *headers))
    async with asyncio.timeout(_WITHIN):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
            writer.write(_frame(_HEADERS, _END_HEADERS | _END_STREAM, 1, block))
            return await _body(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        finally:
            writer.close()


async def _body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes | None:
    body = b""
    while True:
        head = await reader.readexactly(9)
        kind, flags = head[3], head[4]
        payload = await reader.readexactly(int.from_bytes(head[:3]))
        if kind in {_RESET, _GOAWAY}:
            return None
        if kind == _SETTINGS and not flags & _ACK:
            writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        if kind == _DATA:
            body += payload
        if kind in {_DATA, _HEADERS} and flags & _END_STREAM:
            return body


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return (
        struct.pack(">I", len(payload))[1:]
        + bytes([kind, flags])
        + struct.pack(">I", stream)
        + payload
    )


def _text(raw: bytes) -> bytes:
    """Return a string literal of RFC 7541, section 5.2, not compressed."""
    if len(raw) < _LONGEST_PREFIX:
        return bytes([len(raw)]) + raw
    rest, length = len(raw) - _LONGEST_PREFIX, bytearray([_LONGEST_PREFIX])
    while rest > 0x7F:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    length.append(rest)
    return bytes(length) + raw
