"""The messages of a call that takes them as they come."""

import asyncio
from collections.abc import AsyncIterator, Callable

from authsvc.extauthz.fastlane import grpc_wire as wire
from authsvc.extauthz.fastlane.connection import Connection
from authsvc.extauthz.fastlane.grpc_wire import MessageSplitter
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.stream import Stream


class Inbox:
    """What has come for one call and was not taken; no more than the stream's window lets come."""

    def __init__(self, stream: Stream, *, connection: Connection, limits: Limits) -> None:
        self._stream = stream
        self._connection = connection
        self._splitter = MessageSplitter(max_size=limits.message_size)
        self._is_finished = False
        self._changed = asyncio.Event()

    def add(self, data: bytes) -> None:
        """Take a part of the body."""
        self._splitter.add(data)
        self._changed.set()

    def finish(self) -> None:
        """Take the end of the body."""
        self._is_finished = True
        self._changed.set()

    async def messages(self, flush: Callable[[], None]) -> AsyncIterator[bytes]:
        """Yield the messages until the peer has sent its last one; a taken one makes room.

        Raises:
            CallError: The body is malformed.
        """
        while True:
            message = self._splitter.take()
            if message is not None:
                self._connection.give_room(self._stream, wire.PREFIX + len(message))
                flush()
                yield message
            elif self._is_finished:
                self._splitter.finish()
                return
            else:
                self._changed.clear()
                await self._changed.wait()
