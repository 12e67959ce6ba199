"""The Admin API on its address, for as long as it is wanted."""

import logging
from collections.abc import MutableMapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from sidecar.address import Address, TcpAddress, UnixAddress, is_loopback
from sidecar.admin.app import GUARDED
from sidecar.errors import SettingsError

_DRAIN = 5.0  # seconds that open requests have when it stops


class AdminServer:
    """Listens while it is entered.

    Entering raises ``OSError`` if the address cannot be had, and ``SettingsError`` if others than
    this host could reach it without a token.
    """

    def __init__(self, app: web.Application, *, address: Address) -> None:
        self._app = app
        self._address = address
        self._stack = AsyncExitStack()
        self._bound: Address = address

    @property
    def address(self) -> Address:
        """Where it listens; with the real port where any port would do."""
        return self._bound

    async def __aenter__(self) -> Self:
        """Begin to listen."""
        if not (self._app[GUARDED] or is_loopback(self._address)):
            raise SettingsError("admin.token_file is required unless admin.listen is loopback")
        async with AsyncExitStack() as stack:
            runner = web.AppRunner(
                self._app,
                access_log=None,  # paths hold keys
                logger=_Discreet(logging.getLogger(__name__), {}),
                handle_signals=False,
                shutdown_timeout=_DRAIN,
            )
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await _site(runner, self._address).start()
            self._bound = _bound(runner, self._address)
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


class _Discreet(logging.LoggerAdapter[logging.Logger]):
    """Keeps to itself what aiohttp has to say of malformed requests: it quotes them."""

    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        """Drop the exception."""
        return msg, {**kwargs, "exc_info": None}


def _site(runner: web.AppRunner, address: Address) -> web.BaseSite:
    if isinstance(address, UnixAddress):
        return web.UnixSite(runner, address.path)
    return web.TCPSite(runner, address.host, address.port)


def _bound(runner: web.AppRunner, address: Address) -> Address:
    if isinstance(address, UnixAddress):
        return address
    return TcpAddress(address.host, runner.addresses[0][1])
