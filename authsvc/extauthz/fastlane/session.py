"""A connection on a socket: what carries bytes between the engine and asyncio."""

import asyncio
from collections.abc import Callable
from typing import cast

from authsvc.extauthz.fastlane import faults
from authsvc.extauthz.fastlane.calls import Calls
from authsvc.extauthz.fastlane.endings import Ending, Endings, ending_of
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.methods import Methods


class Session:
    """One connection: an ``asyncio.Protocol``, but not by inheritance, which is not compiled."""

    def __init__(
        self, methods: Methods, *, limits: Limits, changed: Callable[..., None], endings: Endings
    ) -> None:
        self._endings = endings
        self._patience = limits.request_seconds
        self._changed = changed
        self._now = asyncio.get_running_loop().time
        self._transport: asyncio.Transport | None = None
        self._is_receiving = False
        self._is_leaving = False
        self._blocked_at: float | None = None
        self._leaves_for = Ending.AGE
        self.received = 0  # bytes
        self._calls = Calls(methods, limits=limits, now=self._now(), flush=self._flush)
        self._connection = self._calls.connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._changed(self, is_open=True)
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take bytes; all that can be answered now leaves in one write."""
        self._is_receiving = True
        self.received += len(data)
        self._connection.receive(data, self._now())
        self._is_receiving = False
        self._flush()

    def pause_writing(self) -> None:
        """Read no more from a peer that does not read."""
        if self._transport is not None:
            self._blocked_at = self._now()
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        self._blocked_at = None
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> None:
        """Let the transport close: who asks no more waits for no answer."""

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Cancel what nobody waits for any more."""
        self._transport = None
        self._connection.abandon()
        self._changed(self, is_open=False)

    def tick(self, now: float) -> None:
        """End what has taken too long."""
        self._connection.tick(now)
        self._flush()
        if self._blocked_at is not None and now - self._blocked_at >= self._patience:
            if self._transport is not None and not self._transport.is_closing():
                self._note(Ending.UNREAD, "it does not read", self._transport)
            self.abort()
        elif self._transport is not None and self._transport.is_closing():
            if self._is_leaving:
                self._transport.abort()  # it does not read what is left to say
            self._is_leaving = True

    def refuse(self) -> None:
        """End a connection that is one too many: before it is read, or says who it is."""
        self._connection.end(faults.ENHANCE_YOUR_CALM, faults.TOO_MANY)
        self._flush()

    @property
    def is_leaving(self) -> bool:
        """Whether the peer was asked to go."""
        return self._leaves_for is not Ending.AGE

    def make_room(self) -> None:
        """Ask the peer to go, because there is more room in another process."""
        self._ask_to_go(Ending.SPREAD)

    def drain(self) -> None:
        """Ask the peer to go."""
        self._ask_to_go(Ending.STOPPING)

    def _ask_to_go(self, ending: Ending) -> None:
        self._leaves_for = ending
        self._connection.drain()
        self._flush()

    def refuse_more(self) -> None:
        """Refuse what is new."""
        self._connection.refuse_more()
        self._flush()

    def end(self) -> None:
        """End the connection, whatever is under way."""
        self._connection.end(faults.NO_ERROR, faults.STOPPING)
        self._flush()

    def abort(self) -> None:
        """Close the connection at once, whatever the peer has not read."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        transport = self._transport
        if transport is None or self._is_receiving:
            return
        out = self._connection.outbox.take()
        if out and not transport.is_closing():
            transport.write(out)
        if self._connection.is_ended and not transport.is_closing():
            self._note_end(transport)
            transport.close()

    def _note_end(self, transport: asyncio.Transport) -> None:
        farewell = self._connection.outbox.farewell
        if farewell is None:
            self._note(self._leaves_for, "it was asked to go", transport)
        else:
            self._note(ending_of(*farewell), farewell[1], transport)

    def _note(self, ending: Ending, reason: str, transport: asyncio.Transport) -> None:
        name = transport.get_extra_info("peername")
        peer = name[0] if isinstance(name, tuple) else None  # a Unix socket's is a text
        self._endings.note(ending, reason, peer=peer, now=self._now())
