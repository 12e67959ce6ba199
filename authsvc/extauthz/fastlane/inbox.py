"""The messages of a call that takes them as they come."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable

from authsvc.extauthz.fastlane import grpc_wire as wire
from authsvc.extauthz.fastlane.connection import Connection
from authsvc.extauthz.fastlane.grpc_wire import CallError, MessageSplitter
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.stream import Stream


class Inbox:
    """What has come for one call and was not taken; no more than the stream's window lets come."""

    def __init__(self, stream: Stream, *, connection: Connection, limits: Limits) -> None:
        self._stream = stream
        self._connection = connection
        self._splitter = MessageSplitter(max_size=limits.message_size)
        self._messages: deque[bytes] = deque()
        self._error: CallError | None = None
        self._is_finished = False
        self._changed = asyncio.Event()

    def add(self, data: bytes) -> None:
        """Take a part of the body."""
        if self._error is None:
            try:
                self._messages.extend(self._splitter.add(data))
            except CallError as error:
                self._error = error
        self._changed.set()

    def finish(self) -> None:
        """Take the end of the body."""
        self._is_finished = True
        try:
            self._splitter.finish()
        except CallError as error:
            self._error = self._error or error
        self._changed.set()

    async def messages(self, flush: Callable[[], None]) -> AsyncIterator[bytes]:
        """Yield the messages until the peer has sent its last one; a taken one makes room.

        Raises:
            CallError: The body is malformed.
        """
        while True:
            while self._messages:
                message = self._messages.popleft()
                self._connection.give_room(self._stream, wire.PREFIX + len(message))
                flush()
                yield message
            if self._error is not None:
                raise self._error
            if self._is_finished:
                return
            self._changed.clear()
            await self._changed.wait()
