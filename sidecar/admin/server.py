"""The Admin API on its address, for as long as it is wanted."""

import asyncio
import socket
import ssl
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp import web

from sidecar.address import Address, TcpAddress, UnixAddress, is_loopback
from sidecar.admin.app import GUARDED
from sidecar.admin.protocol import AdminProtocol
from sidecar.errors import SettingsError

_DRAIN = 5.0  # seconds that open requests have when it stops
_MAX_LINE = 32 * 2**10  # bytes of a request line: the longest key, percent-encoded, and more


class AdminServer:
    """Listens while it is entered; with ``tls`` it speaks nothing else.

    Entering raises ``OSError`` if the address cannot be had, and ``SettingsError`` if others than
    this host could reach it without a token.
    """

    def __init__(
        self, app: web.Application, *, address: Address, tls: ssl.SSLContext | None = None
    ) -> None:
        self._app = app
        self._tls = tls
        self._address = address
        self._bound = address
        self._stack = AsyncExitStack()

    @property
    def address(self) -> Address:
        """Where it listens; with the real port where any port would do."""
        return self._bound

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        if not (self._app[GUARDED] or is_loopback(self._address)):
            raise SettingsError("admin.token_file is required unless admin.listen is loopback")
        async with AsyncExitStack() as stack:
            runner = web.AppRunner(self._app, handle_signals=False, shutdown_timeout=_DRAIN)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            listener = await self._listen(runner)
            stack.callback(listener.close)  # first: nobody new comes while it drains
            self._bound = _bound(listener, self._address)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Answer what was asked, and stop."""
        await self._stack.aclose()

    async def _listen(self, runner: web.AppRunner) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        server = runner.server
        assert server is not None, "the runner was set up"  # noqa: S101 - for the type checker

        def connection() -> AdminProtocol:
            return AdminProtocol(
                server,
                loop=loop,
                access_log=None,  # type: ignore[arg-type]  # none at all: paths hold keys
                max_line_size=_MAX_LINE,
                auto_decompress=False,  # Kong reads no compressed bodies either
            )

        if isinstance(self._address, UnixAddress):
            return await loop.create_unix_server(connection, self._address.path, ssl=self._tls)
        host, port = self._address.host, self._address.port
        return await loop.create_server(connection, host, port, ssl=self._tls)


def _bound(listener: asyncio.Server, address: Address) -> Address:
    listening = listener.sockets[0]
    if isinstance(address, UnixAddress) or listening.family == socket.AF_UNIX:
        return address
    return TcpAddress(address.host, listening.getsockname()[1])
