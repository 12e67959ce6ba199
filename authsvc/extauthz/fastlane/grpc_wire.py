"""gRPC's part of the wire: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md.

The header blocks here use no dynamic table: they are right whatever the peer's table is.
"""

import re
from enum import IntEnum
from struct import Struct
from typing import Final
from urllib.parse import quote

PREFIX: Final = 5  # bytes in front of each message: a flag and a length
_PREFIX: Final = Struct(">BI")


class Status(IntEnum):
    """The status codes that we answer with."""

    OK = 0
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14


class CallError(Exception):
    """A call that ends with a status that is not OK; the text is sent to the caller."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def prefixed(message: bytes) -> bytes:
    """Return a message as it is sent, not compressed."""
    return _PREFIX.pack(0, len(message)) + message


class MessageSplitter:
    """Cuts the body of a call into messages."""

    def __init__(self, *, max_size: int) -> None:
        self._max_size = max_size
        self._parts = bytearray()

    def add(self, data: bytes) -> None:
        """Keep a part of the body as it is: small messages cost more than their bytes."""
        self._parts += data

    def take(self) -> bytes | None:
        """Return the next message, or None if it is not whole yet.

        Raises:
            CallError: It is compressed, or too large.
        """
        if len(self._parts) < PREFIX:
            return None
        end = PREFIX + message_size(self._parts, max_size=self._max_size)
        if len(self._parts) < end:
            return None
        message = bytes(self._parts[PREFIX:end])
        del self._parts[:end]
        return message

    def finish(self) -> None:
        """Check that nothing is left over.

        Raises:
            CallError: The body ended within a message.
        """
        if self._parts:
            raise CallError(Status.INTERNAL, "the body ends within a message")


def message_size(body: bytes | bytearray, *, max_size: int) -> int:
    """Return how many bytes the message has that a body of at least five bytes begins with.

    Raises:
        CallError: It is compressed, or too large.
    """
    compression, size = _PREFIX.unpack_from(body)
    if compression:
        raise CallError(Status.UNIMPLEMENTED, "compressed messages are not supported")
    if size > max_size:
        raise CallError(Status.RESOURCE_EXHAUSTED, "the message is too large")
    found: int = size
    return found


def only_message(body: bytes, *, max_size: int) -> bytes:
    """Return the one message of a whole body.

    Raises:
        CallError: It is none, or more than one, or compressed, or too large.
    """
    size = len(body) - PREFIX
    if size < 0:
        raise CallError(Status.INTERNAL, "a call without a message")
    # Byte by byte: compiled, that is a tenth of what `struct` takes.
    said = body[1] << 24 | body[2] << 16 | body[3] << 8 | body[4]
    if body[0] or said != size or size > max_size:
        message_size(body, max_size=max_size)
        raise CallError(Status.INTERNAL, "a call with less or more than one message")
    return body[PREFIX:]


_TIMEOUT: Final = re.compile(rb"(\d{1,8})([HMSmun])")
_UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}


def read_timeout(text: bytes) -> float | None:
    """Return the seconds of a ``grpc-timeout``, or None if it is empty.

    Raises:
        CallError: It is malformed.
    """
    if not text:
        return None
    match = _TIMEOUT.fullmatch(text)
    if match is None:
        raise CallError(Status.INTERNAL, "malformed grpc-timeout")
    return int(match[1]) * _UNITS[match[2]]


def _literal(name: bytes, value: bytes) -> bytes:
    """Return a field that no table remembers, with a name and a value of less than 127 bytes."""
    return bytes((0, len(name))) + name + bytes((len(value),)) + value


_STATUS_200: Final = b"\x88"  # an entry of the static table
_CONTENT_TYPE: Final = _literal(b"content-type", b"application/grpc")
_MAX_TEXT: Final = 120
_PRINTABLE: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")

HEADERS: Final = _STATUS_200 + _CONTENT_TYPE
OK_TRAILERS: Final = _literal(b"grpc-status", b"0")
UNSUPPORTED_MEDIA_TYPE: Final = _literal(b":status", b"415")
METHOD_NOT_ALLOWED: Final = _literal(b":status", b"405") + _literal(b"allow", b"POST")


def trailers(status: Status, message: str = "") -> bytes:
    """Return the block that ends an answer."""
    block = _literal(b"grpc-status", str(int(status)).encode())
    return block + (_literal(b"grpc-message", _readable(message)) if message else b"")


def trailers_only(status: Status, message: str) -> bytes:
    """Return the block of an answer that has no message."""
    accepted = _literal(b"grpc-accept-encoding", b"identity")
    return (
        HEADERS + (accepted if status is Status.UNIMPLEMENTED else b"") + trailers(status, message)
    )


def _readable(message: str) -> bytes:
    """Return a ``grpc-message``: what is not printable ASCII, and ``%``, is percent-encoded."""
    return quote(message, safe=_PRINTABLE)[:_MAX_TEXT].encode()
