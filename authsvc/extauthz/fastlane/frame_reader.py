"""From bytes to frames: RFC 9113, sections 3.4, 4 and 6.10.

Header blocks come out whole, without padding and priority, as one HEADERS frame each.
"""

from typing import Final

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.faults import ConnectionFault
from authsvc.extauthz.fastlane.frame_shapes import check_shape

Frame = tuple[int, int, int, bytes]  # type, flags, stream, payload
NOTHING: Final = -1  # is no type of a frame

# Type and flags.
_WHOLE_HEADERS: Final = frames.HEADERS << 8 | frames.END_HEADERS
_LAST_DATA: Final = frames.DATA << 8 | frames.END_STREAM
_CONTINUATIONS: Final = 64  # frames of one header block
_PRIORITY_LENGTH: Final = 5


class FrameReader:
    """Splits what comes on one connection; keeps less than a frame and a header block of it.

    Attributes:
        data: What came last, with what was left before.
        position: Where in it the next frame begins.
        stream_id: What the last frame of ``next_usual`` was on.
        payload: What that frame said.
        is_between_requests: The connection has begun, and no header block is half there.
    """

    def __init__(self, *, max_block_size: int) -> None:
        self.data = b""
        self.position = 0
        self.stream_id = 0
        self.payload = b""
        self.is_between_requests = False
        self._max_block_size = max_block_size
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

    def add(self, data: bytes) -> None:
        """Take bytes from the peer.

        Raises:
            ConnectionFault: It is no HTTP/2.
        """
        self.data = self.data + data if self.data else data
        if not self._has_preface:
            self._read_preface()

    def next(self) -> Frame | None:
        """Return the next frame, or None if it is not whole yet.

        Raises:
            ConnectionFault: A frame is too large or out of place.
        """
        data = self.data
        while self._has_preface and len(data) - self.position >= frames.HEADER_LENGTH:
            high, low, kind, flags, number = frames.HEADER.unpack_from(data, self.position)
            length = high << 16 | low
            if length > frames.MAX_FRAME_SIZE:
                raise ConnectionFault(faults.FRAME_SIZE_ERROR, "a frame that is too large")
            start = self.position + frames.HEADER_LENGTH
            if len(data) - start < length:
                break
            self.position = start + length
            payload = data[start : self.position]
            frame = self._read(kind, flags, number & frames.MAX_STREAM_ID, payload)
            if frame is not None:
                return frame
        self.data = data[self.position :]
        self.position = 0
        return None

    def next_usual(self) -> int:
        """Read the next frame if it is one that requests usually consist of; return its type.

        That is HEADERS which are a whole block, or DATA that end a request, without anything else
        to say; -1 if it is none of these, or not whole: then it is the next one still. What it
        says is in ``stream_id`` and ``payload``.
        """
        data, position = self.data, self.position
        start = position + frames.HEADER_LENGTH
        if start > len(data) or not self.is_between_requests:
            return NOTHING
        # Byte by byte: compiled, that is a tenth of what `struct` takes.
        kind = data[position + 3] << 8 | data[position + 4]
        size = data[position + 1] << 8 | data[position + 2]
        end = start + size
        if data[position] or size > frames.MAX_FRAME_SIZE or end > len(data):
            return NOTHING
        if kind not in (_WHOLE_HEADERS, _LAST_DATA):
            return NOTHING
        at = position + 5
        self.stream_id = (
            (data[at] & 0x7F) << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
        )
        self.position = end
        self.payload = data[start:end]
        return kind >> 8

    def _read(self, kind: int, flags: int, stream_id: int, payload: bytes) -> Frame | None:
        """Return a frame, unless it is a header block that goes on."""
        if kind != frames.DATA or not self._has_settings:
            payload = self._check(kind, flags, stream_id, payload)
        if self._block_stream or not _is_whole(kind, flags):
            is_whole = self._assemble(kind, flags, stream_id, payload)
            self.is_between_requests = is_whole
            if not is_whole:
                return None
            kind, flags, payload = frames.HEADERS, self._block_flags, b"".join(self._block)
            self._block, self._block_stream = [], 0
        return kind, flags, stream_id, payload

    def _read_preface(self) -> None:
        size = len(frames.PREFACE)
        if self.data[:size] != frames.PREFACE[: len(self.data)]:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "this is not HTTP/2")
        if len(self.data) >= size:
            self._has_preface = True
            self.position = size

    def _check(self, kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
        """Check a frame, and return its payload without padding and priority if it is HEADERS."""
        if not self._has_settings and (kind != frames.SETTINGS or flags & frames.ACK):
            raise ConnectionFault(faults.PROTOCOL_ERROR, "not SETTINGS first")
        if not self._has_settings:
            self._has_settings = self.is_between_requests = True
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
