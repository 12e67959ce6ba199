"""What is to be sent, within the windows that the peer grants: RFC 9113, section 5.2."""

from collections.abc import Mapping
from typing import Final

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.answer_frames import AnswerFrames
from authsvc.extauthz.fastlane.faults import ConnectionFault, StreamFault
from authsvc.extauthz.fastlane.hpack import TABLE_SIZE
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.stream import Stream

# What a setting may be, and the code for what it may not be: section 6.5.2.
_RANGES: Final = {
    frames.ENABLE_PUSH: (0, 1, faults.PROTOCOL_ERROR),
    frames.INITIAL_WINDOW_SIZE: (0, frames.MAX_WINDOW, faults.FLOW_CONTROL_ERROR),
    frames.LARGEST_FRAME: (frames.MAX_FRAME_SIZE, 2**24 - 1, faults.PROTOCOL_ERROR),
}
_ANY: Final = (0, 2**32 - 1, faults.PROTOCOL_ERROR)
_NO_TABLE: Final = b"\x20"  # RFC 7541, section 6.3: a size of nothing; our answers use no table


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
        # Those with something unsent that only the connection's window holds back.
        self._blocked: dict[int, Stream] = {}
        self._unsent = 0
        self._table = b""  # what the next header block must say of our table first
        self._has_table = True
        self.initial_window = frames.DEFAULT_WINDOW
        self._most_at_once = frames.MAX_FRAME_SIZE  # that a new stream takes, in one frame
        #: The code and the reason by which the connection was ended; None: it was not, by us.
        self.farewell: tuple[int, str] | None = None

    def take(self) -> bytes:
        """Return what is to be sent now, and forget it."""
        out = self._out
        if not out:
            return b""
        taken = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        return taken

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

    def bid_farewell(self, last: int, code: int, reason: str) -> None:
        """Say that the connection is ended, after which request, and why."""
        self.farewell = code, reason
        self.write(frames.goaway(last, code, reason))

    def headers(self, stream: Stream, block: bytes, *, is_last: bool = False) -> None:
        """Begin an answer, or give all of it where it has no body."""
        flags = frames.END_HEADERS | (frames.END_STREAM if is_last else 0)
        self._out.append(frames.frame(frames.HEADERS, flags, stream.id, self._table + block))
        self._table = b""

    def data(self, stream: Stream, data: bytes) -> None:
        """Go on with an answer, as soon as the windows let it.

        Raises:
            ConnectionFault: The peer lets too much wait.
        """
        for start in range(0, len(data), frames.MAX_FRAME_SIZE):
            stream.unsent.append(data[start : start + frames.MAX_FRAME_SIZE])
        self._unsent += len(data)
        self._flush(stream)
        if self._unsent > self._max_unsent:
            raise ConnectionFault(faults.ENHANCE_YOUR_CALM, "answers that are not taken")

    def end(self, stream: Stream, block: bytes) -> None:
        """End an answer with trailers, after its data."""
        if stream.unsent:
            stream.trailers = block
        else:
            self.headers(stream, block, is_last=True)

    def answer(self, number: int, message: bytes, around: AnswerFrames) -> bool:
        """Give a whole answer to a stream that has none of it yet, if no window holds it back.

        Return whether that is so; otherwise nothing was sent.
        """
        size = around.prefix_size + len(message)
        # No frame is larger than what every peer takes: some take their own word for a larger
        # one, in SETTINGS, only with the next bytes that they read.
        if size > self._window or size > self._most_at_once or self._table:
            return False
        self._window -= size
        self._out.append(around.around(number, message))
        return True

    def reply(self, stream: Stream, message: bytes, around: AnswerFrames) -> None:
        """Give a whole answer, as soon as the windows let it.

        Raises:
            ConnectionFault: The peer lets too much wait.
        """
        size = around.prefix_size + len(message)
        if size <= stream.send_window and self.answer(stream.id, message, around):
            return
        self.headers(stream, around.before)
        self.data(stream, around.prefix(message) + message)
        self.end(stream, around.after)

    def adopt(self, settings: list[tuple[int, int]]) -> None:
        """Keep to the peer's settings from now on.

        Raises:
            ConnectionFault: A value is not allowed.
        """
        for name, value in settings:
            least, most, code = _RANGES.get(name, _ANY)
            if not least <= value <= most:
                raise ConnectionFault(code, "a setting out of its range")
            if name == frames.HEADER_TABLE_SIZE and value < TABLE_SIZE:
                self._forgo_table()
        self._resize(dict(settings).get(frames.INITIAL_WINDOW_SIZE, self.initial_window))

    def _resize(self, initial: int) -> None:
        change = initial - self.initial_window
        self.initial_window = initial
        self._most_at_once = min(initial, frames.MAX_FRAME_SIZE)
        if change:
            for stream in self._streams.values():
                stream.send_window += change  # may become negative: section 6.9.2
                if stream.send_window > frames.MAX_WINDOW:
                    raise ConnectionFault(faults.FLOW_CONTROL_ERROR, "a window that is too large")
                self._note(stream)

    def widen(self, increment: int) -> None:
        """Grow the connection's window.

        Raises:
            ConnectionFault: It becomes too large, or does not grow.
        """
        if not increment:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "a window that does not grow")
        self._window += increment
        if self._window > frames.MAX_WINDOW:
            raise ConnectionFault(faults.FLOW_CONTROL_ERROR, "a window that is too large")

    def widen_stream(self, stream: Stream, increment: int) -> None:
        """Grow a stream's window.

        Raises:
            StreamFault: It becomes too large, or does not grow.
        """
        if not increment:
            raise StreamFault(faults.PROTOCOL_ERROR, "a window that does not grow")
        stream.send_window += increment
        if stream.send_window > frames.MAX_WINDOW:
            raise StreamFault(faults.FLOW_CONTROL_ERROR, "a window that is too large")
        self._note(stream)

    def flush(self) -> list[Stream]:
        """Send what the windows let pass now; return the streams whose answers ended with it.

        Looks at none that its own window holds back: a peer can have many, and widen often.
        """
        ended = []
        while self._blocked and self._window > 0:
            stream = next(iter(self._blocked.values()))
            self._flush(stream)
            if stream.trailers and not stream.unsent:
                self.headers(stream, stream.trailers, is_last=True)
                ended.append(stream)
        return ended

    def drop(self, stream: Stream) -> None:
        """Forget what a stream has to say."""
        self._blocked.pop(stream.id, None)
        self._unsent -= sum(map(len, stream.unsent))
        stream.unsent.clear()

    def _forgo_table(self) -> None:
        """Say once, as RFC 9113 wants (section 4.3.1), that our table is no larger than that."""
        if self._has_table:
            self._has_table = False
            self._table = _NO_TABLE

    def _note(self, stream: Stream) -> None:
        if stream.unsent and stream.send_window > 0:
            self._blocked[stream.id] = stream

    def _flush(self, stream: Stream) -> None:
        while stream.unsent:
            data = stream.unsent[0]
            size = min(len(data), stream.send_window, self._window)
            if size <= 0:
                break
            self._out.append(frames.frame(frames.DATA, 0, stream.id, data[:size]))
            self._window -= size
            stream.send_window -= size
            self._unsent -= size
            if size < len(data):
                stream.unsent[0] = data[size:]
            else:
                stream.unsent.popleft()
        self._blocked.pop(stream.id, None)
        self._note(stream)
