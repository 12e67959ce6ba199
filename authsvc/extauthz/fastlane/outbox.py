"""What is to be sent, within the windows that the peer grants: RFC 9113, section 5.2."""

from collections.abc import Mapping
from struct import Struct
from typing import Final

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.faults import ConnectionFault, StreamFault
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.stream import Stream

_NUMBER: Final = Struct(">I")
_DATA_HEADER: Final = Struct(">BHBB")
_MAX_FRAME: Final = 2**24 - 1


class Outbox:
    """The output of one connection."""

    def __init__(self, streams: Mapping[int, Stream], *, max_unsent: int) -> None:
        """Begin with the windows that hold before SETTINGS.

        Args:
            streams: Those that are open.
            max_unsent: Bytes that the peer's windows may hold back, all streams together.
        """
        self._streams = streams
        self._max_unsent = max_unsent
        self._out: list[bytes] = []
        self._window = frames.DEFAULT_WINDOW
        self._max_frame = frames.MAX_FRAME_SIZE
        self._blocked: dict[int, Stream] = {}  # those with something unsent
        self._unsent = 0
        self.initial_window = frames.DEFAULT_WINDOW

    def take(self) -> bytes:
        """Return what is to be sent now, and forget it."""
        if not self._out:
            return b""
        out = b"".join(self._out)
        self._out.clear()
        return out

    def greet(self, limits: Limits, *, window: int) -> None:
        """Begin a connection: say what its peer may do, ``window`` bytes on each stream."""
        settings = {
            frames.MAX_CONCURRENT_STREAMS: limits.streams,
            frames.INITIAL_WINDOW_SIZE: window,
            frames.MAX_HEADER_LIST_SIZE: limits.header_list_size,
        }
        more = limits.received - frames.DEFAULT_WINDOW
        self.write(frames.settings(settings), frames.window_update(0, more))

    def write(self, *parts: bytes) -> None:
        """Send what no window holds back."""
        self._out += parts

    def headers(self, stream: Stream, block: bytes, *, is_last: bool = False) -> None:
        """Begin an answer, or give all of it where it has no body."""
        flags = frames.END_HEADERS | (frames.END_STREAM if is_last else 0)
        self._out.append(frames.frame(frames.HEADERS, flags, stream.id, block))

    def data(self, stream: Stream, data: bytes) -> None:
        """Go on with an answer, as soon as the windows let it.

        Raises:
            ConnectionFault: The peer lets too much wait.
        """
        for start in range(0, len(data), frames.MAX_FRAME_SIZE):
            stream.unsent.append(data[start : start + frames.MAX_FRAME_SIZE])
        self._unsent += len(data)
        self._blocked[stream.id] = stream
        self._flush(stream)
        if self._unsent > self._max_unsent:
            raise ConnectionFault(faults.ENHANCE_YOUR_CALM, "answers that are not taken")

    def end(self, stream: Stream, block: bytes) -> None:
        """End an answer with trailers, after its data."""
        if stream.unsent:
            stream.trailers = block
        else:
            self.headers(stream, block, is_last=True)

    def reply(self, stream: Stream, before: bytes, data: bytes, after: bytes) -> None:
        """Give a whole answer: headers, data, trailers.

        Raises:
            ConnectionFault: The peer lets too much wait.
        """
        size = len(data)
        if size <= stream.send_window and size <= self._window and size <= self._max_frame:
            self._window -= size
            number = _NUMBER.pack(stream.id)
            self._out += (
                *(_HEADERS_START[len(before)], number, before),
                *(_DATA_HEADER.pack(size >> 16, size & 0xFFFF, frames.DATA, 0), number, data),
                *(_TRAILERS_START[len(after)], number, after),
            )
            return
        self.headers(stream, before)
        self.data(stream, data)
        self.end(stream, after)

    def adopt(self, settings: list[tuple[int, int]]) -> None:
        """Keep to the peer's settings from now on.

        Raises:
            ConnectionFault: A value is not allowed.
        """
        initial = self.initial_window
        for name, value in settings:
            if name == frames.INITIAL_WINDOW_SIZE:
                if value > frames.MAX_WINDOW:
                    raise ConnectionFault(faults.FLOW_CONTROL_ERROR, "a window that is too large")
                initial = value
            elif name == frames.LARGEST_FRAME:
                if not frames.MAX_FRAME_SIZE <= value <= _MAX_FRAME:
                    raise ConnectionFault(faults.PROTOCOL_ERROR, "a frame size out of range")
                self._max_frame = value
            elif name == frames.ENABLE_PUSH and value > 1:
                raise ConnectionFault(faults.PROTOCOL_ERROR, "neither push nor no push")
        change = initial - self.initial_window
        self.initial_window = initial
        if change:
            for stream in self._streams.values():
                stream.send_window += change  # may become negative: section 6.9.2
                if stream.send_window > frames.MAX_WINDOW:
                    raise ConnectionFault(faults.FLOW_CONTROL_ERROR, "a window that is too large")

    def widen(self, increment: int) -> None:
        """Grow the connection's window.

        Raises:
            ConnectionFault: It becomes too large.
        """
        self._window += increment
        if self._window > frames.MAX_WINDOW:
            raise ConnectionFault(faults.FLOW_CONTROL_ERROR, "a window that is too large")

    def widen_stream(self, stream: Stream, increment: int) -> None:
        """Grow a stream's window.

        Raises:
            StreamFault: It becomes too large.
        """
        stream.send_window += increment
        if stream.send_window > frames.MAX_WINDOW:
            raise StreamFault(faults.FLOW_CONTROL_ERROR, "a window that is too large")

    def flush(self) -> list[Stream]:
        """Send what the windows let pass now; return the streams whose answers ended with it."""
        if not self._blocked:
            return []
        ended = []
        for stream in list(self._blocked.values()):
            self._flush(stream)
            if stream.trailers and not stream.unsent:
                self.headers(stream, stream.trailers, is_last=True)
                ended.append(stream)
        return ended

    def drop(self, stream: Stream) -> None:
        """Forget what a stream has to say."""
        if self._blocked.pop(stream.id, None) is not None:
            self._unsent -= sum(map(len, stream.unsent))
            stream.unsent.clear()

    def _flush(self, stream: Stream) -> None:
        while stream.unsent:
            data = stream.unsent[0]
            size = min(len(data), stream.send_window, self._window, self._max_frame)
            if size < len(data) and size <= 0:
                return
            self._out.append(frames.frame(frames.DATA, 0, stream.id, data[:size]))
            self._window -= size
            stream.send_window -= size
            self._unsent -= size
            if size < len(data):
                stream.unsent[0] = data[size:]
            else:
                stream.unsent.popleft()
        self._blocked.pop(stream.id, None)


# The header of a frame up to the stream's number, by the length of a block: these are short.
_LONGEST_BLOCK: Final = 256
_HEADERS_START: Final = [
    frames.frame_header(length, frames.HEADERS, frames.END_HEADERS, 0)[:5]
    for length in range(_LONGEST_BLOCK)
]
_TRAILERS_START: Final = [
    frames.frame_header(length, frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 0)[:5]
    for length in range(_LONGEST_BLOCK)
]
