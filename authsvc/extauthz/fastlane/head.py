"""What a request's header block says, and whether it may: RFC 9113, sections 8.2 and 8.3."""

import re
from collections.abc import Sequence
from typing import Final

from authsvc.extauthz.fastlane.faults import PROTOCOL_ERROR, StreamFault
from authsvc.extauthz.fastlane.static_table import Field

_PSEUDO: Final = frozenset((b":method", b":scheme", b":path", b":authority"))
_NEEDED: Final = (b":method", b":scheme", b":path")
_OF_A_CONNECTION: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE: Final = re.compile(rb"(?:[^\0\r\n\t ](?:[^\0\r\n]*[^\0\r\n\t ])?)?")
_MAX_DIGITS: Final = 15  # of a content-length: more than anybody will send


class Head:
    """What the server needs of a header block.

    Attributes:
        method, path: As they were sent.
        content_type, timeout, encoding: Of these headers; empty if there is none.
        length: What content-length says; -1 if there is none.
    """

    __slots__ = ("content_type", "encoding", "length", "method", "path", "timeout")

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self.method = fields[b":method"]
        self.path = fields[b":path"]
        self.content_type = fields.get(b"content-type", b"")
        self.timeout = fields.get(b"grpc-timeout", b"")
        self.encoding = fields.get(b"grpc-encoding", b"")
        self.length = _length(fields.get(b"content-length"))


class HeadReader:
    """Reads the heads of one connection's requests; most say the same as the one before."""

    __slots__ = ("_fields", "_head")

    def __init__(self) -> None:
        self._fields: Sequence[Field] = ()
        self._head: Head | None = None

    def read(self, fields: Sequence[Field]) -> Head:
        """Return the head of a request; the same for the same list, which must not change.

        Raises:
            StreamFault: The request is malformed.
        """
        if self._head is None or fields is not self._fields:
            self._head = read_head(fields)
            self._fields = fields
        return self._head


def read_head(fields: Sequence[Field]) -> Head:
    """Return the head of a request.

    Raises:
        StreamFault: The request is malformed.
    """
    found: dict[bytes, bytes] = {}
    is_after_pseudo = False
    for name, value in fields:
        if name[:1] == b":":
            if is_after_pseudo or name in found or name not in _PSEUDO:
                raise StreamFault(PROTOCOL_ERROR, "a pseudo-header that may not be there")
            if _VALUE.fullmatch(value) is None:
                raise StreamFault(PROTOCOL_ERROR, "a pseudo-header with a malformed value")
        else:
            is_after_pseudo = True
            _check(name, value)
            if name == b"content-length" and found.get(name, value) != value:
                raise StreamFault(PROTOCOL_ERROR, "two lengths")
        found.setdefault(name, value)
    if any(not found.get(name) for name in _NEEDED):
        raise StreamFault(PROTOCOL_ERROR, "a pseudo-header is missing")
    return Head(found)


def check_trailers(fields: Sequence[Field]) -> None:
    """Check what comes after a body.

    Raises:
        StreamFault: It is malformed.
    """
    for name, value in fields:
        if name[:1] == b":":
            raise StreamFault(PROTOCOL_ERROR, "a pseudo-header among trailers")
        _check(name, value)


def _check(name: bytes, value: bytes) -> None:
    if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
        raise StreamFault(PROTOCOL_ERROR, "a malformed header")
    if name in _OF_A_CONNECTION or (name == b"te" and value != b"trailers"):
        raise StreamFault(PROTOCOL_ERROR, "a header of the connection")


def _length(value: bytes | None) -> int:
    if value is None:
        return -1
    if not value.isdigit() or len(value) > _MAX_DIGITS:
        raise StreamFault(PROTOCOL_ERROR, "a length that is none")
    return int(value)
