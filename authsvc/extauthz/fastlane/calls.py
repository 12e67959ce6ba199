"""The calls of one connection: which method, which message, which answer.

What callers can rely on:

1. A method that answers at once is answered within the same ``receive``.
2. A call ends once, whatever its method does; one that the peer took back is cancelled.
3. No exception of a method ends anything but its call.
"""

from collections.abc import Callable
from typing import Any, Final

import structlog

from authsvc.extauthz.fastlane import grpc_wire as wire
from authsvc.extauthz.fastlane.answer_frames import AnswerFrames
from authsvc.extauthz.fastlane.call_tasks import CallTasks
from authsvc.extauthz.fastlane.connection import Connection
from authsvc.extauthz.fastlane.faults import ConnectionFault
from authsvc.extauthz.fastlane.grpc_wire import CallError, Status
from authsvc.extauthz.fastlane.head import Head
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.methods import Methods, Streaming, Unary
from authsvc.extauthz.fastlane.stream import Stream

_GRPC: Final = b"application/grpc"
_AFTER_GRPC: Final = (b"", b"+", b";")  # what may follow: the end, an encoding, parameters
_POST: Final = b"POST"
_IDENTITY: Final = (b"", b"identity")
_ANSWER_FRAMES: Final = AnswerFrames(wire.HEADERS, wire.OK_TRAILERS, prefix_size=wire.PREFIX)

_log = structlog.get_logger(__name__)


class Calls:
    """The calls of one connection.

    Attributes:
        connection: Which takes the bytes that come.
        answer_frames: What stands around the message of an answer.
    """

    def __init__(
        self, methods: Methods, *, limits: Limits, now: float, flush: Callable[[], None]
    ) -> None:
        """Begin a connection.

        Args:
            methods: What can be called.
            limits: What the peer may do.
            now: The time in seconds, of the clock that ``connection.receive`` is told.
            flush: Called when there is something to send outside of ``receive``.
        """
        self.answer_frames = _ANSWER_FRAMES
        self.connection = Connection(requests=self, limits=limits, now=now)
        self._methods = methods
        self._max_size = limits.message_size
        self._tasks = CallTasks(self, connection=self.connection, limits=limits, flush=flush)
        # Of the last head that was asked for: most say the same as the one before.
        self._head: Head | None = None
        self._handle: Callable[[bytes], object] | None = None

    def prompt(self, number: int, head: Head, body: bytes) -> object:  # noqa: ARG002 - an answer needs no number
        """Return the answer to a call that is whole, if its method knows it at once.

        Otherwise what ``later`` is to have, or None: the call is one for ``opened``.
        """
        if head is not self._head:
            self._head, self._handle = head, self._handle_of(head)
        handle = self._handle
        if handle is None:
            return None
        try:
            return handle(wire.only_message(body, max_size=self._max_size))
        except Exception as error:  # noqa: BLE001 - the boundary: one call, not the connection
            return error

    def later(self, stream: Stream, answer: Any) -> None:
        """Take back what ``prompt`` returned where it was no answer: an error, or what to await."""
        if isinstance(answer, Exception):
            self.fail(stream, answer)
        else:
            self._tasks.wait_for(stream, answer)

    def opened(self, stream: Stream) -> bool:
        """Take the head of a call; return whether its messages are wanted as they come."""
        head = stream.head
        if head is self._head and self._handle is not None:
            return False  # as the one before
        method = self._methods.get(head.path)
        if head.method != _POST:
            self._refuse(stream, wire.METHOD_NOT_ALLOWED)
        elif not _is_grpc(head.content_type):
            self._refuse(stream, wire.UNSUPPORTED_MEDIA_TYPE)
        elif method is None:
            self._fail(stream, Status.UNIMPLEMENTED, "unknown method")
        elif head.encoding not in _IDENTITY:
            self._fail(stream, Status.UNIMPLEMENTED, "compressed messages are not supported")
        elif isinstance(method, Streaming):
            self._tasks.serve(stream, method)
            return True
        return False

    def whole(self, stream: Stream) -> None:
        """Take a call that is whole, and answer it if that is possible now."""
        if stream.is_gradual:
            self._tasks.finish(stream)
            return
        body = bytes(stream.body[0]) if len(stream.body) == 1 else b"".join(stream.body)
        answer = self.prompt(stream.id, stream.head, body)
        if isinstance(answer, bytes):
            self.reply(stream, answer)
        else:
            self.later(stream, answer)

    def part(self, stream: Stream, data: bytes) -> None:
        """Take a part of the messages of a call that wants them as they come."""
        self._tasks.add(stream, data)

    def too_large(self, stream: Stream) -> None:
        """Refuse a call whose message is larger than allowed."""
        self._fail(stream, Status.RESOURCE_EXHAUSTED, "the message is too large")

    def reset(self, stream: Stream) -> None:
        """Cancel a call."""
        self._tasks.cancel(stream)

    def reply(self, stream: Stream, message: bytes) -> None:
        """Give the one message of an answer."""
        try:
            self.connection.outbox.reply(stream, message, self.answer_frames)
        except ConnectionFault as fault:
            self.connection.end(fault.code, fault.reason)
        else:
            self.connection.finish(stream)

    def end(self, stream: Stream) -> None:
        """End an answer that has begun."""
        self._end(stream, wire.OK_TRAILERS)

    def fail(self, stream: Stream, error: Exception, *, is_begun: bool = False) -> None:
        """Answer with what the error means to the peer; it may be that the peer is at fault."""
        if isinstance(error, ConnectionFault):
            self.connection.end(error.code, error.reason)
            return
        status, message = _explain(error)
        if is_begun:
            self._end(stream, wire.trailers(status, message))
        else:
            self._fail(stream, status, message)

    def _handle_of(self, head: Head) -> Callable[[bytes], object] | None:
        """Return what handles a call that ``opened`` would not refuse, with one message."""
        method = self._methods.get(head.path)
        if not isinstance(method, Unary) or head.method != _POST:
            return None
        if not _is_grpc(head.content_type) or head.encoding not in _IDENTITY:
            return None
        return method.handle

    def _fail(self, stream: Stream, status: Status, message: str) -> None:
        self._refuse(stream, wire.trailers_only(status, message))

    def _refuse(self, stream: Stream, block: bytes) -> None:
        self.connection.outbox.headers(stream, block, is_last=True)
        self.connection.finish(stream)

    def _end(self, stream: Stream, block: bytes) -> None:
        self.connection.outbox.end(stream, block)
        self.connection.finish(stream)


def _is_grpc(content_type: bytes) -> bool:
    size = len(_GRPC)
    return content_type[:size] == _GRPC and content_type[size : size + 1] in _AFTER_GRPC


def _explain(error: Exception) -> tuple[Status, str]:
    if isinstance(error, CallError):
        return error.status, error.message
    if isinstance(error, TimeoutError):
        return Status.DEADLINE_EXCEEDED, "the deadline has passed"
    # The text of the error, or its traceback, may show what is in the message.
    _log.error("a call failed", error=type(error).__name__)
    return Status.INTERNAL, "internal error"
