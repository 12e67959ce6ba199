"""The other side of a connection of the fast lane: it says what it is told, right or wrong."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from hpack import Encoder

from authsvc.extauthz.fastlane import frames
from authsvc.extauthz.fastlane.answer_frames import AnswerFrames
from authsvc.extauthz.fastlane.connection import Connection
from authsvc.extauthz.fastlane.head import Head
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.stream import Stream

HEADERS = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/service/Method"),
    (":authority", "authsvc"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
]


class Seen(NamedTuple):
    """A frame that the server sent."""

    kind: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The code of RST_STREAM or GOAWAY."""
        return int.from_bytes(self.payload[4:8] if self.kind == frames.GOAWAY else self.payload)


class Echo:
    """Answers each whole request with its body, at once or when told to."""

    def __init__(self, *, gradual: bool = False, at_once: bool = True) -> None:
        self.gradual = gradual
        self.at_once = at_once
        self.connection: Connection | None = None
        self.wholes: list[tuple[int, bytes]] = []
        self.parts: list[bytes] = []
        self.resets: list[int] = []
        self.streams: dict[int, Stream] = {}
        self.prompts: list[int] = []
        self.answer_frames = AnswerFrames(b"\x88", b"\x88")

    def opened(self, stream: Stream) -> bool:
        self.streams[stream.id] = stream
        return self.gradual

    def whole(self, stream: Stream) -> None:
        body = b"".join(stream.body)
        self.wholes.append((stream.id, body))
        if self.at_once:
            self.answer(stream.id, body)

    def part(self, stream: Stream, data: bytes) -> None:
        self.parts.append(data)

    def too_large(self, stream: Stream) -> None:
        self.connection.outbox.headers(stream, b"\x88", is_last=True)
        self.connection.finish(stream)

    def reset(self, stream: Stream) -> None:
        self.resets.append(stream.id)

    def answer(self, stream_id: int, body: bytes) -> None:
        stream = self.streams[stream_id]
        self.connection.outbox.reply(stream, body, self.answer_frames)
        self.connection.finish(stream)

    def prompt(self, number: int, head: Head, body: bytes) -> object:
        if self.gradual:
            return None
        self.prompts.append(number)
        if not self.at_once:
            return (body,)
        self.wholes.append((number, body))
        return body

    def later(self, stream: Stream, answer: object) -> None:
        self.streams[stream.id] = stream
        if isinstance(answer, tuple):
            self.wholes.append((stream.id, *answer))


class Peer:
    """A client, and the server's engine that it talks to."""

    def __init__(
        self, *, limits: Limits | None = None, echo: Echo | None = None, greet: bool = True
    ) -> None:
        self.echo = echo or Echo()
        self.now = 1000.0
        self.connection = Connection(requests=self.echo, limits=limits or Limits(), now=self.now)
        self.echo.connection = self.connection
        self.encoder = Encoder()
        self.greeting = self.heard()
        if greet:
            self.say(frames.PREFACE, frames.settings({}))
            self.heard()

    def say(self, *parts: bytes) -> list[Seen]:
        """Send bytes; return the frames that came back."""
        self.connection.receive(b"".join(parts), self.now)
        return self.heard()

    def heard(self) -> list[Seen]:
        """Return the frames that the server sent since."""
        return split(self.connection.outbox.take())

    def block(self, headers: Sequence[tuple[str, str]] = HEADERS) -> bytes:
        """Return a header block for the server's table."""
        return self.encoder.encode(headers)

    def head(
        self,
        stream: int,
        flags: int = frames.END_HEADERS,
        headers: Sequence[tuple[str, str]] = HEADERS,
    ) -> bytes:
        """Return a HEADERS frame."""
        return frames.frame(frames.HEADERS, flags, stream, self.block(headers))

    def request(self, stream: int, body: bytes = b"body") -> bytes:
        """Return the frames of a whole request."""
        return self.head(stream) + frames.frame(frames.DATA, frames.END_STREAM, stream, body)

    def is_alive(self, next_stream: int = 1001) -> bool:
        """Tell whether the connection still answers."""
        seen = self.say(self.request(next_stream))
        return any(frame.kind == frames.DATA and frame.stream == next_stream for frame in seen)


def split(data: bytes) -> list[Seen]:
    """Return the frames of some bytes."""
    found = []
    while data:
        high, low, kind, flags, stream = frames.HEADER.unpack_from(data)
        end = frames.HEADER_LENGTH + (high << 16 | low)
        found.append(Seen(kind, flags, stream, data[frames.HEADER_LENGTH : end]))
        data = data[end:]
    return found


def goaway_of(seen: Sequence[Seen]) -> int | None:
    """Return the code with which the server ended the connection, or None."""
    codes = [frame.code for frame in seen if frame.kind == frames.GOAWAY]
    return codes[-1] if codes else None


def reset_of(seen: Sequence[Seen]) -> int | None:
    """Return the code with which the server ended a stream, or None."""
    codes = [frame.code for frame in seen if frame.kind == frames.RST_STREAM]
    return codes[-1] if codes else None


Say = Callable[[Peer], bytes]
