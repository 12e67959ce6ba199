"""HTTP/2 for a server, as bytes in and bytes out: RFC 9113.

What callers can rely on, strongest first:

1. ``receive`` raises nothing, whatever the bytes: a fault of the peer's ends a request
   (RST_STREAM) or the connection (GOAWAY), with the code that the RFC has for it.
2. Memory is bounded by ``Limits``, whatever the peer sends, and whatever it does not read.
3. However the bytes are split, the same requests come out.
4. There is no clock and no socket in here: who calls says what time it is, and sends the output.
"""

from typing import Final

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.faults import ConnectionFault, StreamFault
from authsvc.extauthz.fastlane.frame_reader import FrameReader, without_padding
from authsvc.extauthz.fastlane.frame_shapes import check_priority
from authsvc.extauthz.fastlane.head import HeadReader, check_trailers
from authsvc.extauthz.fastlane.hpack import Decoder
from authsvc.extauthz.fastlane.inflow import Inflow
from authsvc.extauthz.fastlane.lifetime import Lifetime
from authsvc.extauthz.fastlane.limits import Allowance, Limits
from authsvc.extauthz.fastlane.numbers import StreamNumbers
from authsvc.extauthz.fastlane.outbox import Outbox
from authsvc.extauthz.fastlane.static_table import Field
from authsvc.extauthz.fastlane.stream import Requests, Stream

_FRAMING: Final = 5  # bytes in front of each gRPC message
_DRAIN_PING: Final = b"draining"


class Connection:
    """One connection."""

    def __init__(self, *, requests: Requests, limits: Limits, now: float) -> None:
        self._requests = requests
        self._limits = limits
        self._reader = FrameReader(max_block_size=limits.header_block_size)
        self._decoder = Decoder(max_list_size=limits.header_list_size)
        self._heads = HeadReader()
        self._streams: dict[int, Stream] = {}  # in the order in which they came
        self._numbers = StreamNumbers()
        self._largest = limits.message_size + _FRAMING
        self._window_size = self._largest + frames.MAX_FRAME_SIZE
        self._inflow = Inflow(limits.received)
        self._resets = Allowance(limits.resets)
        self._control_frames = Allowance(limits.control_frames)
        self._lifetime = Lifetime(limits, now)
        self._is_draining = False
        self._is_ended = False
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
        self.outbox = Outbox(self._streams, max_unsent=limits.unsent)
        self.outbox.greet(limits, window=self._window_size)

    @property
    def is_ended(self) -> bool:
        """Whether nothing more is to be read, and the connection is to be closed once sent."""
        return self._is_ended or (self._numbers.are_refused and not self._streams)

    @property
    def streams(self) -> int:
        """How many requests are not answered to the end."""
        return len(self._streams)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the peer; ``now`` in seconds of a clock that never goes back."""
        self._lifetime.now = now
        if self._is_ended:
            return
        try:
            for kind, flags, stream_id, payload in self._reader.read(data):
                if not self._take(kind, flags, stream_id, payload):
                    return
        except ConnectionFault as fault:
            self.end(fault.code, fault.reason)

    def tick(self, now: float) -> None:
        """End what has taken too long; to be called every few seconds."""
        self._lifetime.now = now
        for stream in list(self._streams.values()):
            if stream.waits_for_peer and self._lifetime.is_late(stream.opened):
                self._fail(stream.id, faults.CANCEL)
        if self._streams:
            self._lifetime.use()
        elif self._lifetime.is_idle:
            self.end(faults.NO_ERROR, "idle")
        elif not self._reader.has_begun and self._lifetime.is_too_slow:
            self.end(faults.PROTOCOL_ERROR, faults.GREETING_LATE)
        if self._lifetime.is_old:
            self.drain()
        if self._lifetime.is_overdue:
            self.refuse_more()  # a peer that does not answer PING stays no longer

    def drain(self) -> None:
        """Ask the peer to open no more requests, and refuse new ones once it must know of it.

        Section 6.8: the first GOAWAY refuses nothing; its PING comes back when the peer has it.
        """
        if not self._is_draining and not self._is_ended:
            self._is_draining = True
            self.outbox.write(
                frames.goaway(frames.MAX_STREAM_ID, faults.NO_ERROR),
                frames.frame(frames.PING, 0, 0, _DRAIN_PING),
            )

    def refuse_more(self) -> None:
        """Refuse requests that come from now on, without waiting for the peer to know of it."""
        if not self._numbers.are_refused and not self._is_ended:
            self._numbers.refused_after = self._numbers.last
            self.outbox.write(frames.goaway(self._numbers.last, faults.NO_ERROR))

    def end(self, code: int, reason: str) -> None:
        """End the connection and all its requests; say why."""
        if not self._is_ended:
            self.outbox.bid_farewell(self._numbers.last, code, reason)
            self.abandon()

    def abandon(self) -> None:
        """Forget all requests: the peer has gone."""
        self._is_ended = True
        for stream in list(self._streams.values()):
            self._forget(stream)

    def give_room(self, stream: Stream, size: int) -> None:
        """Let the peer send ``size`` bytes more in place of those that were used."""
        size = min(size, stream.held)
        stream.held -= size
        if size and not stream.is_whole and stream.id in self._streams:
            stream.window += size
            self.outbox.write(frames.window_update(stream.id, size))
        self._give_room(size)

    def finish(self, stream: Stream) -> None:
        """Forget a request whose answer is given; what it has yet to say is not waited for."""
        stream.is_over = True
        self._drop_body(stream)
        self._lifetime.use()
        if stream.unsent:
            stream.opened = self._lifetime.now  # as long again for the peer to take it
        else:
            self._close(stream)

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> bool:
        """Take a frame; return whether more are to be read."""
        taker = self._takers.get(kind)
        if taker is None:
            self._count(self._control_frames)
            return True
        try:
            taker(flags, stream_id, payload)
        except StreamFault as fault:
            self._fail(stream_id, fault.code)
            # To provoke resets is as good as to send them: either opens more than is allowed.
            self._count(self._resets)
        return not self._is_ended

    def _take_headers(self, flags: int, stream_id: int, block: bytes) -> None:
        fields = self._decoder.decode(block)  # always: the table must stay the peer's
        if stream_id % 2 == 0:
            raise ConnectionFault(faults.PROTOCOL_ERROR, "a request with a number of ours")
        is_last = bool(flags & frames.END_STREAM)
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._take_trailers(stream, fields, is_last=is_last)
        elif stream_id > self._numbers.refused_after:
            pass  # GOAWAY has said so
        elif stream_id > self._numbers.last:
            self._open(stream_id, fields, is_last=is_last)
        else:
            self._numbers.refuse_late(stream_id)

    def _open(self, stream_id: int, fields: list[Field], *, is_last: bool) -> None:
        self._numbers.use(stream_id)
        if len(self._streams) >= self._limits.streams:
            raise StreamFault(faults.REFUSED_STREAM, "too many requests at once")
        stream = Stream(
            stream_id,
            self._heads.read(fields),
            opened=self._lifetime.now,
            window=self._window_size,
            send_window=self.outbox.initial_window,
        )
        self._streams[stream_id] = stream
        stream.is_whole = is_last
        stream.is_gradual = self._requests.opened(stream)
        self._complete(stream)

    def _take_trailers(self, stream: Stream, fields: list[Field], *, is_last: bool) -> None:
        if stream.is_whole:
            raise StreamFault(faults.STREAM_CLOSED, "headers after the end of a request")
        if not is_last:
            raise StreamFault(faults.PROTOCOL_ERROR, "trailers that do not end a request")
        check_trailers(fields)
        stream.is_whole = True
        self._complete(stream)

    def _take_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._inflow.take(size)
        stream = self._streams.get(stream_id)
        if stream is None:
            self._give_room(size)
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
            self.give_room(stream, size - len(payload))
        if not payload and not stream.is_whole:
            self._count(self._control_frames)
        if stream.is_over:
            self._drop_body(stream)
            return
        if payload:
            self._add(stream, payload)
        self._complete(stream)

    def _add(self, stream: Stream, data: bytes) -> None:
        stream.received += len(data)
        if stream.is_gradual:
            self._requests.part(stream, data)
        elif stream.received > self._largest:
            self._requests.too_large(stream)
        else:
            stream.keep(data)

    def _complete(self, stream: Stream) -> None:
        if stream.is_over or not stream.is_whole:
            return
        if stream.head.length not in (-1, stream.received):
            raise StreamFault(faults.PROTOCOL_ERROR, "a length that is not the body's")
        self._requests.whole(stream)

    def _take_priority(self, _flags: int, stream_id: int, payload: bytes) -> None:
        self._count(self._control_frames)
        check_priority(payload, is_idle=stream_id > self._numbers.last)

    def _take_rst_stream(self, _flags: int, stream_id: int, _payload: bytes) -> None:
        self._numbers.refuse_idle(stream_id)
        self._count(self._resets)
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._forget(stream)

    def _take_settings(self, flags: int, _stream_id: int, payload: bytes) -> None:
        self._count(self._control_frames)
        if not flags & frames.ACK:
            self.outbox.adopt(frames.read_settings(payload))
            self.outbox.write(frames.frame(frames.SETTINGS, frames.ACK, 0))
            self._settle()

    def _take_ping(self, flags: int, _stream_id: int, payload: bytes) -> None:
        self._count(self._control_frames)
        if not flags & frames.ACK:
            self.outbox.write(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif self._is_draining and payload == _DRAIN_PING:
            self.refuse_more()

    def _take_window_update(self, _flags: int, stream_id: int, payload: bytes) -> None:
        increment = frames.read_number(payload) & frames.MAX_WINDOW
        if stream_id == 0:
            self.outbox.widen(increment)
        else:
            self._numbers.refuse_idle(stream_id)
            stream = self._streams.get(stream_id)
            if stream is None:
                return
            self.outbox.widen_stream(stream, increment)
        self._settle()

    def _settle(self) -> None:
        """Send what the windows let pass now, and forget the requests that ended with it."""
        for stream in self.outbox.flush():
            self._close(stream)

    def _close(self, stream: Stream) -> None:
        """Forget a request whose answer is sent."""
        del self._streams[stream.id]
        if not stream.is_whole:
            self._numbers.remember_reset(stream.id)
            self.outbox.write(frames.rst_stream(stream.id, faults.NO_ERROR))

    def _count(self, allowance: Allowance) -> None:
        if not allowance.take(self._lifetime.now):
            raise ConnectionFault(faults.ENHANCE_YOUR_CALM, "too much that says nothing")

    def _fail(self, stream_id: int, code: int) -> None:
        stream = self._streams.get(stream_id)
        if stream is not None:
            self._forget(stream)
        self._numbers.remember_reset(stream_id)
        self.outbox.write(frames.rst_stream(stream_id, code))

    def _forget(self, stream: Stream) -> None:
        stream.is_over = True
        self._drop_body(stream)
        self.outbox.drop(stream)
        del self._streams[stream.id]
        self._lifetime.use()
        self._requests.reset(stream)

    def _drop_body(self, stream: Stream) -> None:
        self._give_room(stream.held)
        stream.held = 0
        stream.body = []

    def _give_room(self, size: int) -> None:
        increment = self._inflow.give(size)
        if increment:
            self.outbox.write(frames.window_update(0, increment))
