"""What a request's header block says, and whether it may: RFC 9113, sections 8.2 and 8.3."""

import re
from typing import Final

from authsvc.extauthz.fastlane.faults import PROTOCOL_ERROR, StreamFault
from authsvc.extauthz.fastlane.hpack import Decoder
from authsvc.extauthz.fastlane.static_table import Field

_PSEUDO: Final = frozenset((b":method", b":scheme", b":path", b":authority"))
_OF_A_CONNECTION: Final = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_TELLING: Final = frozenset((b"content-type", b"grpc-timeout", b"grpc-encoding", b"content-length"))
_COLON: Final = 0x3A
_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE: Final = re.compile(rb"(?:[^\0\r\n\t ](?:[^\0\r\n]*[^\0\r\n\t ])?)?")
_REMEMBERED_BLOCKS: Final = 16
_REMEMBERED_FIELDS: Final = 64
_REMEMBERED_SIZE: Final = 512  # bytes of each: those that come again are short
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
        """Take what is said of a request.

        Raises:
            StreamFault: It is not enough, or its length is none.
        """
        self.method = fields.get(b":method", b"")
        self.path = fields.get(b":path", b"")
        if not self.method or not self.path or not fields.get(b":scheme"):
            raise StreamFault(PROTOCOL_ERROR, "a pseudo-header is missing")
        self.content_type = fields.get(b"content-type", b"")
        self.timeout = fields.get(b"grpc-timeout", b"")
        self.encoding = fields.get(b"grpc-encoding", b"")
        self.length = _length(fields.get(b"content-length"))


class HeadReader:
    """Reads the header blocks of one connection, in the order in which they come.

    What is remembered is what cannot have changed: blocks that mean the same until the table
    changes, and fields that were found to be well-formed.
    """

    __slots__ = ("_approved", "_decoder", "_known", "_last", "_last_block")

    def __init__(self, *, max_list_size: int) -> None:
        """Begin with an empty table, see ``hpack.Decoder``."""
        self._decoder = Decoder(max_list_size=max_list_size)
        self._known: dict[bytes, Head] = {}
        # Of those the last: most requests have the block of the one before.
        self._last_block = b""
        self._last: Head | None = None
        self._approved: set[Field] = set()

    def read(self, block: bytes) -> Head:
        """Return the head of a request, not to be changed: the next may be the same.

        Raises:
            StreamFault: The request is malformed.
            ConnectionFault: The block cannot be decoded.
        """
        if block == self._last_block and self._last is not None:
            return self._last
        known = self._known.get(block)
        if known is not None:
            self._last_block, self._last = block, known
            return known
        head = self._head_of(self.decode(block))
        if not self._decoder.has_changed and len(block) <= _REMEMBERED_SIZE:
            if len(self._known) >= _REMEMBERED_BLOCKS:
                self._known.clear()
            self._known[block] = head
        return head

    def decode(self, block: bytes) -> list[Field]:
        """Return the fields of a block.

        Raises:
            ConnectionFault: It cannot be decoded.
        """
        fields = self._decoder.decode(block)
        if self._decoder.has_changed:
            self._known.clear()
            self._last = None
        return fields

    def check_trailers(self, fields: list[Field]) -> None:
        """Check what comes after a body.

        Raises:
            StreamFault: It is malformed.
        """
        for field in fields:
            if field[0][:1] == b":":
                raise StreamFault(PROTOCOL_ERROR, "a pseudo-header among trailers")
            self._approve(field)

    def _head_of(self, fields: list[Field]) -> Head:
        found: dict[bytes, bytes] = {}
        is_after_pseudo = False
        approved = self._approved
        for field in fields:
            if field not in approved:
                self._approve(field)
            name, value = field
            if name[0] == _COLON:
                if is_after_pseudo or name in found:
                    raise StreamFault(PROTOCOL_ERROR, "a pseudo-header that may not be there")
                found[name] = value
            else:
                is_after_pseudo = True
                if name in _TELLING and found.setdefault(name, value) != value:
                    _refuse_second(name)
        return Head(found)

    def _approve(self, field: Field) -> None:
        _check(field[0], field[1])
        if len(field[0]) + len(field[1]) <= _REMEMBERED_SIZE:
            if len(self._approved) >= _REMEMBERED_FIELDS:
                self._approved.clear()
            self._approved.add(field)


def _check(name: bytes, value: bytes) -> None:
    if name in _PSEUDO:
        if _VALUE.fullmatch(value) is None:
            raise StreamFault(PROTOCOL_ERROR, "a pseudo-header with a malformed value")
        return
    # A colon is in no other name.
    if _NAME.fullmatch(name) is None or _VALUE.fullmatch(value) is None:
        raise StreamFault(PROTOCOL_ERROR, "a malformed header")
    if name in _OF_A_CONNECTION or (name == b"te" and value != b"trailers"):
        raise StreamFault(PROTOCOL_ERROR, "a header of the connection")


def _refuse_second(name: bytes) -> None:
    """Refuse what may not be said twice in different ways; of other headers the first counts."""
    if name == b"content-length":
        raise StreamFault(PROTOCOL_ERROR, "two lengths")


def _length(value: bytes | None) -> int:
    if value is None:
        return -1
    if not value.isdigit() or len(value) > _MAX_DIGITS:
        raise StreamFault(PROTOCOL_ERROR, "a length that is none")
    return int(value)
