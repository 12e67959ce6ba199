"""A client by the ``h2`` package and the fast lane's engine, and what travels between them."""

from collections.abc import Callable
from contextlib import suppress

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    SettingsAcknowledged,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import NoSuchStreamError, StreamClosedError
from h2.settings import SettingCodes

from authsvc.extauthz.fastlane import grpc_wire
from authsvc.extauthz.fastlane.answer_frames import AnswerFrames
from authsvc.extauthz.fastlane.connection import Connection
from authsvc.extauthz.fastlane.head import Head
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.stream import Stream
from tests.fakes.http2_peer import HEADERS


class Answerer:
    """Answers each request with its body: at once, when told, or before it is whole."""

    def __init__(self, *, gradual: bool, at_once: bool) -> None:
        self._gradual = gradual
        self._at_once = at_once
        self.connection: Connection | None = None
        self.bodies: dict[int, bytes] = {}
        self.waiting: dict[int, Stream] = {}
        self.answer_frames = AnswerFrames(grpc_wire.HEADERS, grpc_wire.OK_TRAILERS)

    def opened(self, stream: Stream) -> bool:
        self.bodies[stream.id] = b""
        self.waiting[stream.id] = stream
        return self._gradual

    def whole(self, stream: Stream) -> None:
        if not self._gradual:
            self.bodies[stream.id] = b"".join(stream.body)
        if self._at_once:
            self.answer(stream.id)

    def part(self, stream: Stream, data: bytes) -> None:
        self.bodies[stream.id] += data
        self.connection.give_room(stream, len(data))

    def too_large(self, stream: Stream) -> None:
        del self.waiting[stream.id]
        refusal = grpc_wire.trailers_only(grpc_wire.Status.RESOURCE_EXHAUSTED, "too large")
        self.connection.outbox.headers(stream, refusal, is_last=True)
        self.connection.finish(stream)

    def reset(self, stream: Stream) -> None:
        self.waiting.pop(stream.id, None)

    def answer(self, number: int) -> None:
        """Give an answer, if one is due; one that comes as it is asked need not wait."""
        stream = self.waiting.get(number)
        if stream is None or not (stream.is_whole or self._gradual):
            return
        del self.waiting[number]
        self.connection.outbox.reply(stream, self.bodies[number], self.answer_frames)
        self.connection.finish(stream)

    def prompt(self, number: int, head: Head, body: bytes) -> object:
        if self._gradual:
            return None
        self.bodies[number] = body
        self.waiting.pop(number, None)  # ``later`` gives it back
        return body if self._at_once else ()

    def later(self, stream: Stream, answer: object) -> None:
        self.waiting[stream.id] = stream


class Pair:
    """The two, and the bytes on their way between them."""

    def __init__(self, *, gradual: bool = False, at_once: bool = True) -> None:
        self.server = Answerer(gradual=gradual, at_once=at_once)
        self.connection = Connection(requests=self.server, limits=Limits(), now=0.0)
        self.server.connection = self.connection
        self.client = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.client.initiate_connection()
        self.bodies: dict[int, bytes] = {}  # as the client sent them
        self.ended: set[int] = set()  # by the client
        self.taken_back: set[int] = set()
        self.answers: dict[int, bytes] = {}
        self.answered: set[int] = set()  # to the end
        self.refused: dict[int, int | None] = {}
        self.terminated: ConnectionTerminated | None = None
        self._is_agreed = False
        self._to_server = b""
        self._to_client = b""
        self.carry(2**31, back=2**31)
        self.carry(2**31, back=2**31)

    def change(self, values: dict[SettingCodes, int]) -> None:
        """Change the client's settings, one change at a time: h2 takes an ACK for all of them."""
        if self._is_agreed:
            self._is_agreed = False
            self.client.update_settings(values)

    def open(self, body: bytes, *, end: bool, padding: int | None) -> None:
        """Begin a request."""
        if self.terminated is not None:
            return
        number = self.client.get_next_available_stream_id()
        self.client.send_headers(number, HEADERS)
        self.bodies[number] = b""
        self.go_on(number, body, end=end, padding=padding)

    def go_on(self, number: int, body: bytes, *, end: bool, padding: int | None = None) -> None:
        """Send more of a request, as much as the windows let."""

        def send() -> None:
            room = self.client.local_flow_control_window(number) - (padding or -1) - 1
            data = body[: max(0, min(room, self.client.max_outbound_frame_size - 300))]
            if room > 0:
                self.client.send_data(number, data, end_stream=end, pad_length=padding)
                self.bodies[number] += data
                self.ended |= {number} if end else set()

        if number in self.bodies and number not in self.ended | self.taken_back:
            self._unless_over(number, send)

    def take_back(self, number: int) -> None:
        """Reset a request."""
        if number in self.bodies:
            self._unless_over(number, lambda: self.client.reset_stream(number, ErrorCodes.CANCEL))
            self.taken_back.add(number)

    def widen(self, number: int | None, size: int) -> None:
        """Grow the client's window, of a request or of the connection."""
        if number is None:
            self.client.increment_flow_control_window(size)
        elif number in self.bodies:
            self._unless_over(
                number, lambda: self.client.increment_flow_control_window(size, number)
            )

    def carry(self, size: int, *, back: int) -> None:
        """Bring some bytes to the server, and some of its own to the client."""
        self._to_server += self.client.data_to_send()
        said, self._to_server = self._to_server[:size], self._to_server[size:]
        self.connection.receive(said, 0.0)
        self._to_client += self.connection.outbox.take()
        heard, self._to_client = self._to_client[:back], self._to_client[back:]
        for event in self.client.receive_data(heard):
            self._note(event)

    def settle(self) -> None:
        """Bring everything to where it is to go, with windows that hold nothing back."""
        everything = 2**31
        for _ in range(20):
            self.carry(everything, back=everything)
            for number in list(self.server.waiting):
                self.server.answer(number)
            if self.terminated is None:
                self.widen(None, 2**20)
                for number in self.bodies:
                    if number not in self.answered | self.taken_back | set(self.refused):
                        self.widen(number, 2**20)
        self.carry(everything, back=everything)

    def _unless_over(self, number: int, act: Callable[[], None]) -> None:
        if number not in self.refused and self.terminated is None:
            # h2 forgets what has ended.
            with suppress(StreamClosedError, NoSuchStreamError, KeyError):
                act()

    def _note(self, event: Event) -> None:
        if isinstance(event, DataReceived):
            self.answers[event.stream_id] = self.answers.get(event.stream_id, b"") + event.data
        elif isinstance(event, StreamEnded):
            self.answered.add(event.stream_id)
        elif isinstance(event, StreamReset):
            self.refused[event.stream_id] = event.error_code
        elif isinstance(event, SettingsAcknowledged):
            self._is_agreed = True
        elif isinstance(event, ConnectionTerminated):
            self.terminated = event
