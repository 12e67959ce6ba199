"""What comes of each frame, whatever it is and whenever it comes: RFC 9113, sections 5 and 6."""

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.control import Control
from authsvc.extauthz.fastlane.faults import ConnectionFault, StreamFault
from authsvc.extauthz.fastlane.frame_reader import without_padding
from authsvc.extauthz.fastlane.head import HeadReader
from authsvc.extauthz.fastlane.inflow import Inflow
from authsvc.extauthz.fastlane.numbers import StreamNumbers
from authsvc.extauthz.fastlane.open_requests import OpenRequests
from authsvc.extauthz.fastlane.outbox import Outbox
from authsvc.extauthz.fastlane.static_table import Field
from authsvc.extauthz.fastlane.stream import Stream


class FrameTaker:
    """Takes the frames of one connection that are not those of usual requests."""

    def __init__(
        self,
        streams: dict[int, Stream],
        *,
        heads: HeadReader,
        numbers: StreamNumbers,
        outbox: Outbox,
        inflow: Inflow,
        control: Control,
        requests: OpenRequests,
        most_streams: int,
    ) -> None:
        """Begin; ``most_streams`` is how many requests may be open at once."""
        self._streams = streams
        self._heads = heads
        self._numbers = numbers
        self._outbox = outbox
        self._inflow = inflow
        self._control = control
        self._requests = requests
        self._most_streams = most_streams
        self._takers = {
            frames.HEADERS: self._take_headers,
            frames.DATA: self._take_data,
            frames.PRIORITY: self._take_priority,
            frames.RST_STREAM: self._take_rst_stream,
            frames.SETTINGS: self._take_settings,
            frames.PING: self._take_ping,
            # GOAWAY is among the rest: what the peer has asked is answered, then it closes.
            frames.WINDOW_UPDATE: self._take_window_update,
        }

    def take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Take a frame, which may end its request.

        Raises:
            ConnectionFault: It ends the connection.
        """
        taker = self._takers.get(kind)
        if taker is None:
            self._control.count_frame()
            return
        try:
            taker(flags, stream_id, payload)
        except StreamFault as fault:
            self.reset(stream_id, fault.code)

    def reset(self, stream_id: int, code: int) -> None:
        """End a request for what the peer did wrong.

        Raises:
            ConnectionFault: There were too many such.
        """
        self._requests.fail(stream_id, code)
        # To provoke resets is as good as to send them: either opens more than is allowed.
        self._control.count_reset()

    def _take_headers(self, flags: int, stream_id: int, block: bytes) -> None:
        is_last = bool(flags & frames.END_STREAM)
        stream = self._streams.get(stream_id)
        if stream is None and stream_id % 2 and self._numbers.is_new(stream_id):
            self._take_head(stream_id, block, is_last=is_last)
            return
        fields = self._heads.decode(block)  # always: the table must stay the peer's
        if stream_id % 2 == 0:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "a request with a number of ours")
        if stream is not None:
            self._take_trailers(stream, fields, is_last=is_last)
        elif stream_id <= self._numbers.refused_after:  # else GOAWAY has said so
            self._numbers.refuse_late(stream_id)

    def _take_head(self, stream_id: int, block: bytes, *, is_last: bool) -> None:
        if len(self._streams) >= self._most_streams:
            self._heads.decode(block)
            self._numbers.use(stream_id)
            raise StreamFault(faults.REFUSED_STREAM, "too many requests at once")
        try:
            head = self._heads.read(block)
        except StreamFault:
            self._numbers.use(stream_id)
            raise
        self._numbers.use(stream_id)
        self._requests.complete(self._requests.begin(stream_id, head, is_whole=is_last))

    def _take_trailers(self, stream: Stream, fields: list[Field], *, is_last: bool) -> None:
        if stream.is_whole:
            raise StreamFault(faults.STREAM_CLOSED, "headers after the end of a request")
        if not is_last:
            raise StreamFault(faults.PROTOCOL_ERROR, "trailers that do not end a request")
        self._heads.check_trailers(fields)
        stream.is_whole = True
        self._requests.complete(stream)

    def _take_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._inflow.take(size)
        stream = self._streams.get(stream_id)
        if stream is None:
            self._requests.return_room(size)
            if stream_id <= self._numbers.refused_after:
                self._numbers.refuse_idle(stream_id)
                self._numbers.refuse_late(stream_id)
            return
        stream.held += size
        stream.window -= size
        if stream.is_whole:
            raise StreamFault(faults.STREAM_CLOSED, "data after the end of a request")
        if stream.window < 0:
            raise StreamFault(faults.FLOW_CONTROL_ERROR, "more than the window")
        stream.is_whole = bool(flags & frames.END_STREAM)
        if flags & frames.PADDED:
            payload = without_padding(flags, payload)
            self._requests.give_room(stream, size - len(payload))
        if not payload and not stream.is_whole:
            self._control.count_frame()
        if stream.is_over:
            self._requests.drop_body(stream)
            return
        if payload:
            self._requests.take_part(stream, payload)
        self._requests.complete(stream)

    def _take_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._control.take_priority(stream_id, payload)

    def _take_rst_stream(self, _flags: int, stream_id: int, _payload: bytes) -> None:
        self._numbers.refuse_idle(stream_id)
        self._control.count_reset()
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._requests.forget(stream)

    def _take_settings(self, flags: int, _stream_id: int, payload: bytes) -> None:
        self._control.take_settings(flags, payload)
        self._requests.settle()

    def _take_ping(self, flags: int, _stream_id: int, payload: bytes) -> None:
        self._control.take_ping(flags, payload)

    def _take_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        increment = frames.read_number(payload) & frames.MAX_WINDOW
        if stream_id == 0:
            self._outbox.widen(increment)
        else:
            self._numbers.refuse_idle(stream_id)
            stream = self._streams.get(stream_id)
            if stream is None:
                return
            self._outbox.widen_stream(stream, increment)
        self._requests.settle()
