"""From bytes to frames: RFC 9113, sections 3.4, 4 and 6.10.

Header blocks come out whole, without padding and priority, as one HEADERS frame each.
"""

from collections.abc import Iterator
from typing import Final

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.faults import ConnectionFault
from authsvc.extauthz.fastlane.frame_shapes import check_shape

Frame = tuple[int, int, int, bytes]  # type, flags, stream, payload

_CONTINUATIONS: Final = 64  # frames of one header block
_PRIORITY_LENGTH: Final = 5


class FrameReader:
    """Splits what comes on one connection; keeps less than a frame and a header block of it."""

    def __init__(self, *, max_block_size: int) -> None:
        self._max_block_size = max_block_size
        self._unread = b""
        self._has_preface = False
        self._has_settings = False
        self._block: list[bytes] = []  # of a header block that is not whole
        self._block_size = 0
        self._block_stream = 0
        self._block_flags = 0

    @property
    def has_begun(self) -> bool:
        """Whether the peer has sent its preface and its first SETTINGS."""
        return self._has_settings

    def read(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are whole now.

        Raises:
            ConnectionFault: It is no HTTP/2, or a frame is too large or out of place.
        """
        if self._unread:
            data = self._unread + data
            self._unread = b""
        position = self._read_preface(data)
        end = len(data)
        while end - position >= frames.HEADER_LENGTH:
            high, low, kind, flags, stream_id = frames.HEADER.unpack_from(data, position)
            length = high << 16 | low
            if length > frames.MAX_FRAME_SIZE:
                raise ConnectionFault(faults.FRAME_SIZE_ERROR, "a frame that is too large")
            start = position + frames.HEADER_LENGTH
            if end - start < length:
                break
            position = start + length
            payload = data[start:position]
            stream_id &= frames.MAX_STREAM_ID
            if kind != frames.DATA or not self._has_settings:
                payload = self._check(kind, flags, stream_id, payload)
            if self._block_stream or not _is_whole(kind, flags):
                if not self._assemble(kind, flags, stream_id, payload):
                    continue
                kind, flags, payload = frames.HEADERS, self._block_flags, b"".join(self._block)
                self._block, self._block_stream = [], 0
            yield kind, flags, stream_id, payload
        if self._has_preface:
            self._unread = data[position:]

    def _read_preface(self, data: bytes) -> int:
        if self._has_preface:
            return 0
        size = len(frames.PREFACE)
        if data[:size] != frames.PREFACE[: len(data)]:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "this is not HTTP/2")
        if len(data) < size:
            self._unread = data
            return len(data)
        self._has_preface = True
        return size

    def _check(self, kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
        """Check a frame, and return its payload without padding and priority if it is HEADERS."""
        if not self._has_settings and (kind != frames.SETTINGS or flags & frames.ACK):
            raise ConnectionFault(faults.PROTOCOL_ERROR, "not SETTINGS first")
        self._has_settings = True
        if kind == frames.HEADERS:
            return _block_of(flags, payload)
        check_shape(kind, flags, stream_id, len(payload))
        return payload

    def _assemble(self, kind: int, flags: int, stream_id: int, part: bytes) -> bool:
        """Take a part of a header block; return whether it was the last."""
        if kind == frames.HEADERS and not self._block_stream:
            if stream_id == 0:
                raise ConnectionFault(faults.PROTOCOL_ERROR, "headers of nothing")
            self._block_stream = stream_id
            self._block_flags = flags
            self._block_size = 0
        elif kind != frames.CONTINUATION or stream_id != self._block_stream or not stream_id:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "a frame out of place at a header block")
        self._block.append(part)
        self._block_size += len(part)
        if self._block_size > self._max_block_size or len(self._block) > _CONTINUATIONS:
            raise ConnectionFault(faults.ENHANCE_YOUR_CALM, "a header block that is too long")
        return kind == frames.CONTINUATION and bool(flags & frames.END_HEADERS)


def _is_whole(kind: int, flags: int) -> bool:
    if kind == frames.HEADERS:
        return bool(flags & frames.END_HEADERS)
    return kind != frames.CONTINUATION


def without_padding(flags: int, payload: bytes) -> bytes:
    """Return what a payload says.

    Raises:
        ConnectionFault: There is more padding than payload.
    """
    if not flags & frames.PADDED:
        return payload
    if not payload:
        raise ConnectionFault(faults.FRAME_SIZE_ERROR, "padding without its length")
    padding = payload[0]
    if padding >= len(payload):
        raise ConnectionFault(faults.PROTOCOL_ERROR, "more padding than there is")
    return payload[1 : len(payload) - padding]


def _block_of(flags: int, payload: bytes) -> bytes:
    payload = without_padding(flags, payload)
    if not flags & frames.PRIORITIZED:
        return payload
    if len(payload) < _PRIORITY_LENGTH:
        raise ConnectionFault(faults.FRAME_SIZE_ERROR, "a priority that is cut off")
    return payload[_PRIORITY_LENGTH:]
