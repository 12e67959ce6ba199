"""The requests of a connection that are not answered to the end, and the room that they take."""

from authsvc.extauthz.fastlane import faults, frames
from authsvc.extauthz.fastlane.faults import StreamFault
from authsvc.extauthz.fastlane.head import Head
from authsvc.extauthz.fastlane.inflow import Inflow
from authsvc.extauthz.fastlane.lifetime import Lifetime
from authsvc.extauthz.fastlane.numbers import StreamNumbers
from authsvc.extauthz.fastlane.outbox import Outbox
from authsvc.extauthz.fastlane.stream import Requests, Stream


class OpenRequests:
    """What is known of each, from its head to the last byte of its answer.

    Attributes:
        streams: They themselves, by number, in the order in which they came.
    """

    def __init__(
        self,
        streams: dict[int, Stream],
        *,
        requests: Requests,
        numbers: StreamNumbers,
        outbox: Outbox,
        inflow: Inflow,
        lifetime: Lifetime,
        largest: int,
    ) -> None:
        """Begin with none; ``largest`` is how many bytes a body may have that is kept whole."""
        self.streams = streams
        self._requests = requests
        self._around = requests.answer_frames
        self._numbers = numbers
        self._outbox = outbox
        self._inflow = inflow
        self._lifetime = lifetime
        self._largest = largest
        self._window = largest + frames.MAX_FRAME_SIZE

    def begin(self, number: int, head: Head, *, is_whole: bool = False) -> Stream:
        """Take the head of a request."""
        stream = self.add(number, head)
        stream.is_whole = is_whole
        stream.is_gradual = self._requests.opened(stream)
        return stream

    def add(self, number: int, head: Head) -> Stream:
        """Open a request without telling anybody."""
        stream = Stream(
            number,
            head,
            opened=self._lifetime.now,
            window=self._window,
            send_window=self._outbox.initial_window,
        )
        self.streams[number] = stream
        return stream

    def take_part(self, stream: Stream, data: bytes) -> None:
        """Take a part of a request's body."""
        stream.received += len(data)
        if stream.is_gradual:
            self._requests.part(stream, data)
        elif stream.received > self._largest:
            self._requests.too_large(stream)
        else:
            stream.keep(data)

    def complete(self, stream: Stream) -> None:
        """Hand a request on if it is whole now, and not over.

        Raises:
            StreamFault: Its body is not as long as its head says.
        """
        if stream.is_over or not stream.is_whole:
            return
        if stream.head.length not in (-1, stream.received):
            raise StreamFault(faults.PROTOCOL_ERROR, "a length that is not the body's")
        self._requests.whole(stream)

    def answer_later(self, stream: Stream, size: int, answer: object) -> None:
        """Keep a request that is whole, and whose answer has to wait for something.

        Args:
            stream: It, of which nothing but the head was known.
            size: Of its body in bytes, which has been handed on.
            answer: What ``Requests.prompt`` returned.

        Raises:
            ConnectionFault: The peer lets too many answers wait.
        """
        stream.is_whole = True
        stream.received = stream.held = size
        if isinstance(answer, bytes):
            self._outbox.reply(stream, answer, self._around)
            self.finish(stream)
        else:
            self._requests.later(stream, answer)

    def finish(self, stream: Stream) -> None:
        """Forget a request whose answer is given; what it has yet to say is not waited for."""
        stream.is_over = True
        self.drop_body(stream)
        self._lifetime.use()
        if stream.unsent:
            stream.opened = self._lifetime.now  # as long again for the peer to take it
        else:
            self._close(stream)

    def give_room(self, stream: Stream, size: int) -> None:
        """Let the peer send ``size`` bytes more in place of those that were used."""
        size = min(size, stream.held)
        stream.held -= size
        if size and not stream.is_whole and stream.id in self.streams:
            stream.window += size
            self._outbox.write(frames.window_update(stream.id, size))
        self.return_room(size)

    def settle(self) -> None:
        """Send what the windows let pass now, and forget the requests that ended with it."""
        for stream in self._outbox.flush():
            self._close(stream)

    def _close(self, stream: Stream) -> None:
        """Forget a request whose answer is sent."""
        del self.streams[stream.id]
        if not stream.is_whole:
            self._numbers.remember_reset(stream.id)
            self._outbox.write(frames.rst_stream(stream.id, faults.NO_ERROR))

    def fail(self, stream_id: int, code: int) -> None:
        """End a request, or one that there is not, with RST_STREAM."""
        stream = self.streams.get(stream_id)
        if stream is not None:
            self.forget(stream)
        self._numbers.remember_reset(stream_id)
        self._outbox.write(frames.rst_stream(stream_id, code))

    def forget(self, stream: Stream) -> None:
        """Forget a request that goes no further, and what it has to say."""
        stream.is_over = True
        self.drop_body(stream)
        self._outbox.drop(stream)
        del self.streams[stream.id]
        self._lifetime.use()
        self._requests.reset(stream)

    def drop_body(self, stream: Stream) -> None:
        """Forget what came of a body that nobody wants any more."""
        self.return_room(stream.held)
        stream.held = 0
        stream.body = []

    def return_room(self, size: int) -> None:
        """Let the peer send as many bytes more on the connection as were used of its window."""
        increment = self._inflow.give(size)
        if increment:
            self._outbox.write(frames.window_update(0, increment))
