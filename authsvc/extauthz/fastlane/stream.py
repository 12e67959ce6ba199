"""One request of a connection, and who takes it."""

from collections import deque
from typing import Final, Protocol

from authsvc.extauthz.fastlane.answer_frames import AnswerFrames
from authsvc.extauthz.fastlane.head import Head

_SMALL: Final = 1024  # bytes: what an object costs beside them is little


class Stream:
    """One request.

    Attributes:
        id: Its number.
        head: What its header block said.
        opened: When it came, on the connection's clock.
        is_whole: Its last frame has come.
        is_over: Its answer is given, though not all of it may be sent, or nobody waits for one.
        is_gradual: Its body is handed on as it comes; otherwise once it is whole.
        body: What has come of it and was not handed on.
        received: Bytes of its body so far.
        held: Those of them that the peer got no room back for.
        window: Bytes that the peer may still send; negative is its fault.
        send_window: Bytes that we may still send.
        unsent: What the peer's windows hold back.
        trailers: The block that ends the answer, once nothing is held back; empty: not yet.
    """

    __slots__ = (
        "body",
        "head",
        "held",
        "id",
        "is_gradual",
        "is_over",
        "is_whole",
        "opened",
        "received",
        "send_window",
        "trailers",
        "unsent",
        "window",
    )

    def __init__(
        self, stream_id: int, head: Head, *, opened: float, window: int, send_window: int
    ) -> None:
        self.id = stream_id
        self.head = head
        self.opened = opened
        self.is_whole = False
        self.is_gradual = False
        self.is_over = False
        self.body: list[bytes | bytearray] = []
        self.received = 0
        self.held = 0
        self.window = window
        self.send_window = send_window
        self.unsent: deque[bytes] = deque()
        self.trailers = b""

    @property
    def is_fresh(self) -> bool:
        """Whether nothing but its head has come, and its body is wanted once it is whole."""
        return not (self.received or self.held or self.is_gradual or self.is_whole or self.is_over)

    @property
    def waits_for_peer(self) -> bool:
        """Whether it is the peer that has to do something for it to end."""
        return self.is_over or (not self.is_gradual and not self.is_whole)

    def keep(self, data: bytes) -> None:
        """Keep a part of the body; of many small ones each does not take an object of its own."""
        if not self.body or len(data) >= _SMALL:
            self.body.append(data)
        elif isinstance(self.body[-1], bytearray):
            self.body[-1] += data
        else:
            self.body.append(bytearray(data))


class Requests(Protocol):
    """Takes what a connection receives. Called from within ``receive``; may answer at once.

    Attributes:
        answer_frames: What stands around the answers of ``prompt``.
    """

    answer_frames: AnswerFrames

    def prompt(self, number: int, head: Head, body: bytes) -> object:
        """Answer a request whose body came as one, on the stream of that number.

        Return the message of its answer; or None: it is to be taken as one that comes in parts; or
        what ``later`` is to have, who knows the stream. Raises nothing.
        """

    def later(self, stream: Stream, answer: object) -> None:
        """Take back what ``prompt`` returned, and answer a stream that is whole."""

    def opened(self, stream: Stream) -> bool:
        """Take the head of a request; return whether its body is wanted as it comes."""

    def whole(self, stream: Stream) -> None:
        """Take a request that is whole; ``stream.body`` is its body, unless wanted as it came."""

    def part(self, stream: Stream, data: bytes) -> None:
        """Take a part of a body that is wanted as it comes."""

    def too_large(self, stream: Stream) -> None:
        """Refuse a request whose message is larger than is allowed."""

    def reset(self, stream: Stream) -> None:
        """Forget a request, answered or not: it was taken back, or the connection ended."""
