"""Connections on a socket: what carries bytes between the engine and asyncio."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

from authsvc.extauthz.fastlane import faults
from authsvc.extauthz.fastlane.calls import Calls
from authsvc.extauthz.fastlane.endings import (
    ConnectionMetrics,
    Ending,
    Endings,
    NullConnectionMetrics,
    ending_of,
)
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.methods import Methods
from authsvc.extauthz.fastlane.spreading import Neighbours, Spreading

TICK_SECONDS: Final = 1.0
HANDSHAKE_SECONDS: Final = 10.0  # for TLS, before there is a connection
STOP_SECONDS: Final = 5.0  # for calls under way
GRACE_SECONDS: Final = 1.0  # for a peer to know that it is asked to go
_FAREWELL_SECONDS: Final = 0.5  # for a peer to read what is left to say
_BACKLOG: Final = 1024


class Server:
    """The connections of one process: no more than ``Limits.connections``."""

    def __init__(
        self,
        methods: Methods,
        *,
        limits: Limits,
        metrics: ConnectionMetrics = NullConnectionMetrics(),  # noqa: B008 - has no state
    ) -> None:
        self._methods = methods
        self._limits = limits
        self._metrics = metrics
        self._endings = Endings(metrics)
        self._sessions: set[Session] = set()
        self._changed = asyncio.Event()
        self._is_draining = False

    @property
    def connections(self) -> int:
        """How many there are."""
        return len(self._sessions)

    def sessions(self) -> "set[Session]":
        """Return them."""
        return self._sessions

    def protocol(self) -> "Session":
        """Return what serves a new connection."""
        return Session(
            self._methods, limits=self._limits, changed=self._note, endings=self._endings
        )

    def tick(self, now: float) -> None:
        """End what has taken too long."""
        for session in list(self._sessions):
            session.tick(now)

    async def drain(self, *, grace: float = GRACE_SECONDS, limit: float = STOP_SECONDS) -> None:
        """Ask all peers to go, refuse what is new after ``grace``, and end all after ``limit``.

        Calls under way are answered within the limit, in seconds.
        """
        self._is_draining = True
        for session in list(self._sessions):
            session.drain()
        await self._until_gone(grace)
        for session in list(self._sessions):
            session.refuse_more()
        await self._until_gone(max(0.0, limit - grace))
        for session in list(self._sessions):
            session.end()
        await self._until_gone(_FAREWELL_SECONDS)
        for session in list(self._sessions):
            session.abort()
        await self._until_gone(_FAREWELL_SECONDS)

    def _note(self, session: "Session", *, is_open: bool) -> None:
        if is_open:
            self._sessions.add(session)
            if len(self._sessions) > self._limits.connections:
                session.refuse()
            elif self._is_draining:
                session.drain()
        else:
            self._sessions.discard(session)
        self._metrics.connected(len(self._sessions))
        self._changed.set()

    async def _until_gone(self, limit: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while self._sessions:
                    self._changed.clear()
                    await self._changed.wait()


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(
        self, methods: Methods, *, limits: Limits, changed: Callable[..., None], endings: Endings
    ) -> None:
        self._endings = endings
        self._patience = limits.request_seconds
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
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


@asynccontextmanager
async def listen(
    server: Server,
    address: str,
    *,
    tls: ssl.SSLContext | None = None,
    neighbours: Neighbours | None = None,
) -> AsyncIterator[str]:
    """Serve on ``host:port`` or ``unix:/path`` until left; yield the address.

    Other processes may serve on the same TCP port: if they are ``neighbours``, connections are
    spread evenly over all. Leaving stops taking connections; those that there are stay until
    ``Server.drain``.

    Raises:
        OSError: The address cannot be listened on.
    """
    try:
        listener = await _listen(server.protocol, address, tls=tls)
    except (OSError, ValueError):
        raise OSError(f"cannot listen on {address}") from None
    spreading = Spreading(server.sessions, neighbours=neighbours) if neighbours else None
    ticking = asyncio.create_task(_tick(server, spreading), name="fastlane-tick")
    try:
        yield address if address.startswith("unix:") else _bound(listener)
    finally:
        listener.close()
        ticking.cancel()
        await asyncio.wait((ticking,))


async def _tick(server: Server, spreading: Spreading | None) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(TICK_SECONDS)
        server.tick(loop.time())
        if spreading is not None:
            spreading.look()


async def _listen(
    protocol: Callable[[], Session], address: str, *, tls: ssl.SSLContext | None
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    patience = HANDSHAKE_SECONDS if tls else None
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        return await loop.create_unix_server(
            protocol, path, backlog=_BACKLOG, ssl=tls, ssl_handshake_timeout=patience
        )
    host, _, port = address.rpartition(":")
    return await loop.create_server(
        protocol,
        host.strip("[]"),
        int(port),
        backlog=_BACKLOG,
        reuse_port=True,
        ssl=tls,
        ssl_handshake_timeout=patience,
    )


def _bound(listener: asyncio.Server) -> str:
    host, port, *_ = listener.sockets[0].getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
