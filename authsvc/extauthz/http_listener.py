"""Listens for the HTTP face, which is loaded when somebody comes.

Its server takes as much memory as all keys of most installations, and where Envoy asks over gRPC
nobody ever needs it.  What callers can rely on:

1. The address is listened on from the start, or an error says at the start that it cannot be.
2. Who comes before the face is loaded waits, and is then answered as anybody else.
3. It is loaded in a thread: the event loop goes on meanwhile.
4. If it cannot be loaded, who waits is turned away, which is an outage to Envoy; the next one who
   comes makes it try again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, cast

import structlog

from authsvc.authenticator import Authenticator
from authsvc.metrics import AuthMetrics

_BACKLOG: Final = 128

_Protocols = Callable[[], asyncio.Protocol]  # makes what serves a new connection
_Face = Callable[..., AbstractAsyncContextManager[_Protocols]]

_log = structlog.get_logger(__name__)


def load() -> _Face:
    """Return what serves: ``authsvc.extauthz.http.answering``.

    The first time it is imported, which takes some tenths of a second.
    """
    from authsvc.extauthz import http  # noqa: PLC0415 - see the module

    return http.answering


@asynccontextmanager
async def serve(
    address: str,
    *,
    authenticator: Authenticator,
    metrics: AuthMetrics,
    load: Callable[[], _Face] = load,
) -> AsyncIterator[str]:
    """Serve on ``host:port`` or ``unix:/path`` until left; yield the address.

    Other processes may serve on the same TCP port.  Leaving finishes what is under way.

    Raises:
        OSError: The address cannot be listened on.
    """
    door = _Door()
    listener = await _listen(door.protocol, address)

    async def open_at_need() -> None:
        face = await door.first_load(load)
        async with face(authenticator=authenticator, metrics=metrics) as protocols:
            door.open(protocols)
            await asyncio.Event().wait()  # until it is cancelled

    opening = asyncio.create_task(open_at_need(), name="http-face")
    try:
        yield address if address.startswith("unix:") else _bound(listener)
    finally:
        listener.close()
        opening.cancel()
        await asyncio.wait((opening,))
        door.turn_away()


class _Door:
    """Where callers wait until there is somebody to answer."""

    def __init__(self) -> None:
        self._protocols: _Protocols | None = None
        self._waiting: set[_Caller] = set()
        self._rung = asyncio.Event()

    def protocol(self) -> asyncio.Protocol:
        """Return what serves a new connection."""
        return _Caller(self._note) if self._protocols is None else self._protocols()

    async def first_load(self, load: Callable[[], _Face]) -> _Face:
        """Wait for somebody to come, then load."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            try:
                return await asyncio.to_thread(load)
            except Exception:  # noqa: BLE001 - whatever it is, nobody waits for ever
                _log.exception("the HTTP face cannot be loaded")
                self.turn_away()

    def open(self, protocols: _Protocols) -> None:
        """Let in who waits, and from now on everybody at once."""
        self._protocols = protocols
        for caller in list(self._waiting):
            caller.go_on_with(protocols())

    def turn_away(self) -> None:
        """Close the connections of all who wait."""
        for caller in list(self._waiting):
            caller.leave()

    def _note(self, caller: "_Caller", *, is_here: bool) -> None:
        if not is_here:
            self._waiting.discard(caller)
        elif self._protocols is not None:  # opened between its first step and its second
            caller.go_on_with(self._protocols())
        else:
            self._waiting.add(caller)
            self._rung.set()


class _Caller(asyncio.Protocol):
    """A connection that waits: what was read of it, one read at most, is kept for who serves it."""

    def __init__(self, note: Callable[..., None]) -> None:
        self._note = note
        self._transport: asyncio.Transport
        self._said = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait."""
        self._transport = cast("asyncio.Transport", transport)
        self._note(self, is_here=True)

    def data_received(self, data: bytes) -> None:
        """Keep it, and read no more."""
        self._said += data
        self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Wait no more."""
        self._note(self, is_here=False)

    def go_on_with(self, protocol: asyncio.Protocol) -> None:
        """Hand the connection over, with what was read of it."""
        self._note(self, is_here=False)
        if self._transport.is_closing():
            return
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        self._transport.resume_reading()  # first: the protocol may pause at what it gets now
        if self._said:
            protocol.data_received(self._said)

    def leave(self) -> None:
        """Close the connection."""
        self._transport.abort()


async def _listen(protocols: _Protocols, address: str) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if address.startswith("unix:"):
        path = address.removeprefix("unix:")
        return await loop.create_unix_server(protocols, path, backlog=_BACKLOG)
    host, _, port = address.rpartition(":")
    return await loop.create_server(
        protocols, host.strip("[]"), int(port), backlog=_BACKLOG, reuse_port=True
    )


def _bound(listener: asyncio.Server) -> str:
    host, port, *_ = listener.sockets[0].getsockname()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
