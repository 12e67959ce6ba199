"""The calls of one connection: which method, which message, which answer.

What callers can rely on:

1. A method that answers at once is answered within the same ``receive``.
2. A call ends once, whatever its method does; one that the peer took back is cancelled.
3. No exception of a method ends anything but its call.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

import structlog

from authsvc.extauthz.fastlane import grpc_wire as wire
from authsvc.extauthz.fastlane.connection import Connection
from authsvc.extauthz.fastlane.faults import ConnectionFault
from authsvc.extauthz.fastlane.grpc_wire import CallError, Status
from authsvc.extauthz.fastlane.inbox import Inbox
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.stream import Stream

_GRPC: Final = b"application/grpc"
_AFTER_GRPC: Final = (b"", b"+", b";")  # what may follow: the end, an encoding, parameters
_POST: Final = b"POST"
_IDENTITY: Final = (b"", b"identity")

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Unary:
    """A method with one message each way; ``handle`` returns the answer, or what to await for it.

    It may raise ``CallError``.
    """

    handle: Callable[[bytes], bytes | Coroutine[Any, Any, bytes]]


@dataclass(frozen=True, slots=True)
class Streaming:
    """A method with any number of messages each way. It may raise ``CallError``."""

    handle: Callable[[AsyncIterator[bytes]], AsyncIterator[bytes]]


Methods = Mapping[bytes, Unary | Streaming]  # by path


class Calls:
    """The calls of one connection."""

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
        self._methods = methods
        self._limits = limits
        self._flush = flush
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._inboxes: dict[int, Inbox] = {}
        self.connection = Connection(requests=self, limits=limits, now=now)

    def opened(self, stream: Stream) -> bool:
        """Take the head of a call; return whether its messages are wanted as they come."""
        head = stream.head
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
            inbox = Inbox(stream, connection=self.connection, limits=self._limits)
            self._inboxes[stream.id] = inbox
            self._spawn(stream, self._serve(stream, method, inbox))
            return True
        return False

    def whole(self, stream: Stream) -> None:
        """Take a call that is whole, and answer it if that is possible now."""
        if stream.is_gradual:
            inbox = self._inboxes.get(stream.id)
            if inbox is not None:
                inbox.finish()
            return
        method = self._methods[stream.head.path]
        body = bytes(stream.body[0]) if len(stream.body) == 1 else b"".join(stream.body)
        try:
            message = wire.only_message(body, max_size=self._limits.message_size)
            answer = method.handle(message)  # type: ignore[arg-type]  # it is unary: not gradual
        except Exception as error:  # noqa: BLE001 - the boundary: one call, not the connection
            self._failed(stream, error)
            return
        if isinstance(answer, bytes):
            self._reply(stream, answer)
        else:
            self._wait_for(stream, answer)  # type: ignore[arg-type]  # as above

    def part(self, stream: Stream, data: bytes) -> None:
        """Take a part of the messages of a call that wants them as they come."""
        inbox = self._inboxes.get(stream.id)
        if inbox is None:
            self.connection.give_room(stream, len(data))
        else:
            inbox.add(data)

    def too_large(self, stream: Stream) -> None:
        """Refuse a call whose message is larger than allowed."""
        self._fail(stream, Status.RESOURCE_EXHAUSTED, "the message is too large")

    def reset(self, stream: Stream) -> None:
        """Cancel a call."""
        self._inboxes.pop(stream.id, None)
        task = self._tasks.pop(stream.id, None)
        if task is not None:
            task.cancel()

    def _spawn(self, stream: Stream, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks[stream.id] = task
        return task

    def _wait_for(self, stream: Stream, answer: Coroutine[Any, Any, bytes]) -> None:
        task = self._spawn(stream, self._await(stream, answer))
        # A task that is cancelled before its first step has not begun to wait for the answer.
        task.add_done_callback(lambda _: answer.close())

    async def _await(self, stream: Stream, answer: Coroutine[Any, Any, bytes]) -> None:
        try:
            async with asyncio.timeout(wire.read_timeout(stream.head.timeout)):
                message = await answer
        except asyncio.CancelledError:
            self._give_up(stream)
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: one call, not the connection
            if self._is_wanted(stream):
                self._failed(stream, error)
        else:
            if self._is_wanted(stream):
                self._reply(stream, message)
        self._flush()

    async def _serve(self, stream: Stream, method: Streaming, inbox: Inbox) -> None:
        outbox = self.connection.outbox
        is_begun = False
        try:
            async with asyncio.timeout(wire.read_timeout(stream.head.timeout)):
                async for message in method.handle(inbox.messages(self._flush)):
                    if stream.is_over:
                        return  # it was taken back, and the method does not mind
                    if not is_begun:
                        outbox.headers(stream, wire.HEADERS)
                        is_begun = True
                    outbox.data(stream, wire.prefixed(message))
                    self._flush()
        except asyncio.CancelledError:
            self._give_up(stream, is_begun=is_begun)
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: one call, not the connection
            if self._is_wanted(stream):
                self._failed(stream, error, is_begun=is_begun)
        else:
            if self._is_wanted(stream):
                if not is_begun:
                    outbox.headers(stream, wire.HEADERS)
                self._end(stream, wire.OK_TRAILERS)
        self._flush()

    def _give_up(self, stream: Stream, *, is_begun: bool = False) -> None:
        """Tell who still waits, if it was not the peer that cancelled the work."""
        if self._is_wanted(stream):
            self._failed(stream, _GIVEN_UP, is_begun=is_begun)
            self._flush()

    def _is_wanted(self, stream: Stream) -> bool:
        """Note that a call's work is done; return whether the peer still waits for its answer."""
        self._inboxes.pop(stream.id, None)
        return self._tasks.pop(stream.id, None) is not None

    def _reply(self, stream: Stream, message: bytes) -> None:
        try:
            self.connection.outbox.reply(
                stream, wire.HEADERS, wire.prefixed(message), wire.OK_TRAILERS
            )
        except ConnectionFault as fault:
            self.connection.end(fault.code, fault.reason)
        else:
            self.connection.finish(stream)

    def _failed(self, stream: Stream, error: Exception, *, is_begun: bool = False) -> None:
        if isinstance(error, ConnectionFault):
            self.connection.end(error.code, error.reason)
            return
        status, message = _explain(error)
        if is_begun:
            self._end(stream, wire.trailers(status, message))
        else:
            self._fail(stream, status, message)

    def _fail(self, stream: Stream, status: Status, message: str) -> None:
        self._refuse(stream, wire.trailers_only(status, message))

    def _refuse(self, stream: Stream, block: bytes) -> None:
        self.connection.outbox.headers(stream, block, is_last=True)
        self.connection.finish(stream)

    def _end(self, stream: Stream, block: bytes) -> None:
        self.connection.outbox.end(stream, block)
        self.connection.finish(stream)


_GIVEN_UP: Final = CallError(Status.UNAVAILABLE, "the call was given up")


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
