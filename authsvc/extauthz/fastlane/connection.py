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
from authsvc.extauthz.fastlane.control import Control
from authsvc.extauthz.fastlane.faults import ConnectionFault, StreamFault
from authsvc.extauthz.fastlane.frame_reader import FrameReader
from authsvc.extauthz.fastlane.frame_taker import FrameTaker
from authsvc.extauthz.fastlane.head import Head, HeadReader
from authsvc.extauthz.fastlane.inflow import Inflow
from authsvc.extauthz.fastlane.lifetime import Lifetime
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.numbers import StreamNumbers
from authsvc.extauthz.fastlane.open_requests import OpenRequests
from authsvc.extauthz.fastlane.outbox import Outbox
from authsvc.extauthz.fastlane.stream import Requests, Stream

_FRAMING: Final = 5  # bytes in front of each gRPC message


class Connection:
    """One connection."""

    def __init__(self, *, requests: Requests, limits: Limits, now: float) -> None:
        self._requests = requests
        self._around = requests.answer_frames
        self._most_streams = limits.streams
        self._reader = FrameReader(max_block_size=limits.header_block_size)
        self._heads = HeadReader(max_list_size=limits.header_list_size)
        self._streams: dict[int, Stream] = {}  # in the order in which they came
        self._numbers = StreamNumbers()
        self._largest = limits.message_size + _FRAMING
        self._inflow = Inflow(limits.received)
        self._lifetime = Lifetime(limits, now)
        self._is_ended = False
        self.outbox = Outbox(self._streams, max_unsent=limits.unsent)
        self.outbox.greet(limits, window=self._largest + frames.MAX_FRAME_SIZE)
        self._control = Control(
            numbers=self._numbers, outbox=self.outbox, lifetime=self._lifetime, limits=limits
        )
        self._open = OpenRequests(
            self._streams,
            requests=requests,
            numbers=self._numbers,
            outbox=self.outbox,
            inflow=self._inflow,
            lifetime=self._lifetime,
            largest=self._largest,
        )
        self._frames = FrameTaker(
            self._streams,
            heads=self._heads,
            numbers=self._numbers,
            outbox=self.outbox,
            inflow=self._inflow,
            control=self._control,
            requests=self._open,
            most_streams=limits.streams,
        )

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
            self._reader.add(data)
            while self._take_usual():
                frame = self._reader.next()
                if frame is None:
                    return
                self._frames.take(*frame)
        except ConnectionFault as fault:
            self.end(fault.code, fault.reason)

    def tick(self, now: float) -> None:
        """End what has taken too long; to be called every few seconds."""
        self._lifetime.now = now
        for stream in list(self._streams.values()):
            if stream.waits_for_peer and self._lifetime.is_late(stream.opened):
                self._open.fail(stream.id, faults.CANCEL)
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
        """Ask the peer to open no more requests, and refuse new ones once it must know of it."""
        if not self._is_ended:
            self._control.drain()

    def refuse_more(self) -> None:
        """Refuse requests that come from now on, without waiting for the peer to know of it."""
        if not self._is_ended:
            self._control.refuse_more()

    def end(self, code: int, reason: str) -> None:
        """End the connection and all its requests; say why."""
        if not self._is_ended:
            self.outbox.bid_farewell(self._numbers.last, code, reason)
            self.abandon()

    def abandon(self) -> None:
        """Forget all requests: the peer has gone."""
        self._is_ended = True
        for stream in list(self._streams.values()):
            self._open.forget(stream)

    def give_room(self, stream: Stream, size: int) -> None:
        """Let the peer send ``size`` bytes more in place of those that were used."""
        self._open.give_room(stream, size)

    def finish(self, stream: Stream) -> None:
        """Forget a request whose answer is given; what it has yet to say is not waited for."""
        self._open.finish(stream)

    def _take_usual(self) -> bool:
        """Take the frames that are next as long as they are those of usual requests.

        What comes of them is what ``FrameTaker`` would make of them. A request that is answered at
        once, and whose body comes right behind its head, has no ``Stream``. Return whether the
        connection goes on.
        """
        reader, numbers = self._reader, self._numbers
        head: Head | None = None  # of the last request, if that is all that came of it
        while not self._is_ended:
            kind = reader.next_usual()
            stream_id, payload = reader.stream_id, reader.payload
            if kind == frames.DATA and head is not None and stream_id == numbers.last:
                if not self._take_body(stream_id, head, None, payload):
                    self._open.begin(stream_id, head)
                    self._frames.take(frames.DATA, frames.END_STREAM, stream_id, payload)
                head = None
                continue
            if head is not None:
                self._open.begin(numbers.last, head)
                head = None
            if kind == frames.HEADERS:
                head = self._take_usual_head(stream_id, payload)
            elif kind == frames.DATA:
                stream = self._streams.get(stream_id)
                if not (
                    stream is not None
                    and stream.is_fresh
                    and self._take_body(stream_id, stream.head, stream, payload)
                ):
                    self._frames.take(frames.DATA, frames.END_STREAM, stream_id, payload)
            else:
                break
        return not self._is_ended

    def _take_usual_head(self, stream_id: int, block: bytes) -> Head | None:
        """Return the head of a request that is usual so far; None if it was taken already."""
        numbers = self._numbers
        is_next = stream_id == (numbers.last + 2 if numbers.last else 1)
        if not is_next or numbers.are_refused or len(self._streams) >= self._most_streams:
            self._frames.take(frames.HEADERS, frames.END_HEADERS, stream_id, block)
            return None
        try:
            head = self._heads.read(block)
        except StreamFault as fault:
            numbers.last = stream_id
            self._frames.reset(stream_id, fault.code)
            return None
        numbers.last = stream_id
        return head

    def _take_body(self, stream_id: int, head: Head, stream: Stream | None, body: bytes) -> bool:
        """Have a request answered whose body came as one; return False if that is not usual.

        ``stream`` is None if the request is not open yet.
        """
        size = len(body)
        if size > self._inflow.window or size > self._largest or head.length not in (-1, size):
            return False
        answer = self._requests.prompt(stream_id, head, body)
        if answer is None:
            return False
        self._inflow.take(size)
        if isinstance(answer, bytes) and self.outbox.answer(stream_id, answer, self._around):
            if stream is not None:
                del self._streams[stream_id]
            self._open.return_room(size)
            self._lifetime.use()
        else:
            stream = stream or self._open.add(stream_id, head)
            self._open.answer_later(stream, size, answer)
        return True
