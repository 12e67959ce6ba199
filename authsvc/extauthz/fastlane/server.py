"""Connections on a socket: what carries bytes between the engine and asyncio."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

from authsvc.extauthz.fastlane.endings import (
    ConnectionMetrics,
    Endings,
    NullConnectionMetrics,
)
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.methods import Methods
from authsvc.extauthz.fastlane.session import Session
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

    def sessions(self) -> set[Session]:
        """Return them."""
        return self._sessions

    def protocol(self) -> Session:
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

    def _note(self, session: Session, *, is_open: bool) -> None:
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
    session: Callable[[], Session], address: str, *, tls: ssl.SSLContext | None
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    protocol = cast("Callable[[], asyncio.BaseProtocol]", session)  # see there
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
