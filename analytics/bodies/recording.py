"""What is seen of the bodies of one request while it goes on.

A body is kept whole or not at all.  One that becomes too large is let go of at once, and what
follows of it is only counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Self

from analytics.bodies.captured import Bodies, CapturedBody
from analytics.bodies.codec import Head, Seen, Side
from analytics.bodies.opening import MAX_OPENED
from analytics.config import MoesifConfig

# Bytes of a request's body that are read on for the sake of the response to come.
MAX_PASSED_OVER = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How large bodies may be that anybody wants; 0: none are wanted."""

    request: int = 0
    response: int = 0

    @classmethod
    def of_configs(cls, configs: Iterable[MoesifConfig]) -> Self:
        """Return the largest that one of these wants, up to what the collector takes."""
        request = response = 0
        for config in configs:
            if not config.disable_capture_request_body:
                request = max(request, config.request_max_body_size_limit)
            if not config.disable_capture_response_body:
                response = max(response, config.response_max_body_size_limit)
        return cls(min(request, MAX_OPENED), min(response, MAX_OPENED))

    def of(self, side: Side) -> int:
        """Return the limit of one side."""
        return self.request if side is Side.REQUEST else self.response


class State(Enum):
    """How far a body is."""

    OPEN = auto()
    WHOLE = auto()
    TOO_LARGE = auto()
    UNWANTED = auto()


class _Part:
    """One body."""

    __slots__ = ("_chunks", "_head", "_limit", "passed", "size", "state")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head: Head | None = None
        self._chunks: list[bytes] = []
        self.size = 0
        self.passed = 0  # bytes that came and were not kept
        self.state = State.OPEN if limit else State.UNWANTED

    def take(self, seen: Seen) -> None:
        if self.state is not State.OPEN:
            self.passed += len(seen.chunk)
            return
        if seen.head is not None:
            self._head = seen.head
        announced = seen.head.content_length if seen.head else None
        if self.size + len(seen.chunk) > self._limit or (announced or 0) > self._limit:
            self.let_go(State.TOO_LARGE)
            return
        if seen.chunk:
            self._chunks.append(seen.chunk)
            self.size += len(seen.chunk)
        if seen.ends:
            self.state = State.WHOLE

    def let_go(self, state: State) -> None:
        self.state = state
        self._chunks.clear()
        self.size = 0

    def body(self) -> CapturedBody | None:
        if self.state is not State.WHOLE or not self.size:
            return None
        head = self._head or Head("", "", None)
        return CapturedBody(b"".join(self._chunks), head.content_type, head.content_encoding)


class Recording:
    """The bodies of one request; knows no stream and no log entry."""

    __slots__ = ("_parts", "_response_ended")

    def __init__(self, limits: Limits) -> None:
        self._parts = {side: _Part(limits.of(side)) for side in Side}
        self._response_ended = False

    @property
    def size(self) -> int:
        """How many bytes are held."""
        return sum(part.size for part in self._parts.values())

    @property
    def is_over(self) -> bool:
        """Whether nothing follows that anybody wants."""
        request, response = self._parts[Side.REQUEST], self._parts[Side.RESPONSE]
        if self._response_ended:  # and with it everything
            return True
        if request.passed > MAX_PASSED_OVER:
            return True
        return request.state is not State.OPEN and response.state is not State.OPEN

    def take(self, seen: Seen) -> None:
        """Take what one message shows."""
        self._parts[seen.side].take(seen)
        if seen.side is Side.RESPONSE and seen.ends:
            self._response_ended = True

    def in_state(self, state: State) -> int:
        """Return how many bodies are in a state; of open ones, those with something in them."""
        parts = (part for part in self._parts.values() if part.state is state)
        return sum(1 for part in parts if part.size or state is State.TOO_LARGE)

    def bodies(self) -> Bodies:
        """Return what is whole."""
        request, response = self._parts[Side.REQUEST], self._parts[Side.RESPONSE]
        return Bodies(request.body(), response.body())

    def clear(self) -> None:
        """Let go of everything."""
        for part in self._parts.values():
            part.let_go(State.UNWANTED)
