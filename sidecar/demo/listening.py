"""Serves an aiohttp application for as long as a context is open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


@asynccontextmanager
async def listen(app: web.Application, *, host: str, port: int) -> AsyncIterator[int]:
    """Serve the application; yield its port, which is a free one where ``port`` is 0.

    Raises:
        OSError: The port cannot be listened on.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
