"""The calls of one connection that take time: each is a task until its answer is given.

One whose answer is ready, and only waits for its turn, is none.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol

from authsvc.extauthz.fastlane import grpc_wire as wire
from authsvc.extauthz.fastlane.connection import Connection
from authsvc.extauthz.fastlane.grpc_wire import CallError, Status
from authsvc.extauthz.fastlane.inbox import Inbox
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.methods import Streaming
from authsvc.extauthz.fastlane.stream import Stream
from authsvc.extauthz.turns import Postponed


class Answers(Protocol):
    """Gives the answers of calls, and forgets the calls with it."""

    def reply(self, stream: Stream, message: bytes) -> None:
        """Give the one message of an answer."""

    def end(self, stream: Stream) -> None:
        """End an answer that has begun."""

    def fail(self, stream: Stream, error: Exception, *, is_begun: bool = False) -> None:
        """Answer with what the error means to the peer."""


class CallTasks:
    """The tasks of one connection."""

    def __init__(
        self,
        answers: Answers,
        *,
        connection: Connection,
        limits: Limits,
        flush: Callable[[], None],
    ) -> None:
        """Begin with none; ``flush`` is called when there is something to send."""
        self._answers = answers
        self._connection = connection
        self._limits = limits
        self._flush = flush
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._inboxes: dict[int, Inbox] = {}
        self._is_to_flush = False

    def wait_for(self, stream: Stream, answer: Awaitable[bytes]) -> None:
        """Give an answer as soon as it is known."""
        if isinstance(answer, Postponed):
            answer.give(partial(self._give, stream))
            return
        task = self._spawn(stream, self._await(stream, answer))
        if isinstance(answer, Coroutine):
            # A task that is cancelled before its first step has not begun to wait for the answer.
            task.add_done_callback(lambda _: answer.close())

    def serve(self, stream: Stream, method: Streaming) -> None:
        """Begin a call that takes its messages as they come."""
        inbox = Inbox(stream, connection=self._connection, limits=self._limits)
        self._inboxes[stream.id] = inbox
        self._spawn(stream, self._serve(stream, method, inbox))

    def add(self, stream: Stream, data: bytes) -> None:
        """Take a part of the messages of such a call."""
        inbox = self._inboxes.get(stream.id)
        if inbox is None:
            self._connection.give_room(stream, len(data))
        else:
            inbox.add(data)

    def finish(self, stream: Stream) -> None:
        """Take the end of the messages of such a call."""
        inbox = self._inboxes.get(stream.id)
        if inbox is not None:
            inbox.finish()

    def cancel(self, stream: Stream) -> None:
        """Cancel a call, if it has not ended."""
        self._inboxes.pop(stream.id, None)
        task = self._tasks.pop(stream.id, None)
        if task is not None:
            task.cancel()

    def _give(self, stream: Stream, message: bytes) -> bool:
        """Give an answer, if it still is wanted; what is given in one turn leaves in one write."""
        if stream.is_over:
            return False
        self._answers.reply(stream, message)
        if not self._is_to_flush:
            self._is_to_flush = True
            asyncio.get_running_loop().call_soon(self._flush_given)
        return True

    def _flush_given(self) -> None:
        self._is_to_flush = False
        self._flush()

    def _spawn(self, stream: Stream, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks[stream.id] = task
        return task

    async def _await(self, stream: Stream, answer: Awaitable[bytes]) -> None:
        try:
            async with asyncio.timeout(wire.read_timeout(stream.head.timeout)):
                message = await answer
        except asyncio.CancelledError:
            self._give_up(stream)
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: one call, not the connection
            if self._is_wanted(stream):
                self._answers.fail(stream, error)
        else:
            if self._is_wanted(stream):
                self._answers.reply(stream, message)
        self._flush()

    async def _serve(self, stream: Stream, method: Streaming, inbox: Inbox) -> None:
        outbox = self._connection.outbox
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
                self._answers.fail(stream, error, is_begun=is_begun)
        else:
            if self._is_wanted(stream):
                if not is_begun:
                    outbox.headers(stream, wire.HEADERS)
                self._answers.end(stream)
        self._flush()

    def _give_up(self, stream: Stream, *, is_begun: bool = False) -> None:
        """Tell who still waits, if it was not the peer that cancelled the work."""
        if self._is_wanted(stream):
            self._answers.fail(stream, _GIVEN_UP, is_begun=is_begun)
            self._flush()

    def _is_wanted(self, stream: Stream) -> bool:
        """Note that a call's work is done; return whether the peer still waits for its answer."""
        self._inboxes.pop(stream.id, None)
        return self._tasks.pop(stream.id, None) is not None


_GIVEN_UP: Final = CallError(Status.UNAVAILABLE, "the call was given up")
