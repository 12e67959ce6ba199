"""Health, readiness and metrics over HTTP, on a port of their own: GET and HEAD, nothing else.

* ``/healthz``: the process's loop turns. Nothing else: whoever restarts on it must not restart
  because a database is away.
* ``/readyz``: 200 or 503. ``?verbose`` lists the checks, as JSON where ``Accept`` asks for it;
  ``?exclude=NAME``, any number of times, leaves some out.
* ``/metrics``: for Prometheus.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from aiohttp import web

from sidecar.address import Address, TcpAddress
from sidecar.errors import StartupError
from sidecar.readiness import Check, is_ready, without
from sidecar.telemetry import CONTENT_TYPE

_CLOSE_SECONDS = 2.0
_NOT_CACHED = {"Cache-Control": "no-store"}


class Diagnostics:
    """The pages, from what the process can tell of itself."""

    def __init__(
        self, *, checks: Callable[[], Sequence[Check]], metrics: Callable[[], bytes]
    ) -> None:
        """Take what to ask.

        Args:
            checks: Returns the checks of this moment, at once.
            metrics: Returns the metrics page; called in a thread.
        """
        self._checks = checks
        self._metrics = metrics

    def application(self) -> web.Application:
        """Return the pages as a web application."""
        application = web.Application()
        application.router.add_get("/healthz", self._health)
        application.router.add_get("/readyz", self._readiness)
        application.router.add_get("/metrics", self._metrics_page)
        return application

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers=_NOT_CACHED)

    async def _readiness(self, request: web.Request) -> web.Response:
        checks = without(self._checks(), set(request.query.getall("exclude", [])))
        ready = is_ready(checks)
        status = 200 if ready else 503
        if "verbose" not in request.query:
            return web.Response(
                text="ok\n" if ready else "not ready\n", status=status, headers=_NOT_CACHED
            )
        if "application/json" in request.headers.get("Accept", ""):
            body: dict[str, Any] = {"ready": ready, "checks": [asdict(check) for check in checks]}
            return web.json_response(body, status=status, headers=_NOT_CACHED)
        return web.Response(text=_lines(checks, ready), status=status, headers=_NOT_CACHED)

    async def _metrics_page(self, _: web.Request) -> web.Response:
        page = await asyncio.to_thread(self._metrics)
        return web.Response(body=page, headers={**_NOT_CACHED, "Content-Type": CONTENT_TYPE})


@asynccontextmanager
async def serve_diagnostics(
    diagnostics: Diagnostics, address: Address
) -> AsyncIterator[tuple[str, int] | None]:
    """Serve the pages inside the context; yield host and port, None on a unix socket.

    Raises:
        StartupError: The address cannot be listened on.
    """
    runner = web.AppRunner(
        diagnostics.application(),
        access_log=None,
        handle_signals=False,
        shutdown_timeout=_CLOSE_SECONDS,
    )
    await runner.setup()
    try:
        site = _site(runner, address)
        try:
            await site.start()
        except OSError as error:
            raise StartupError(f"cannot listen on {address}: {error.strerror}") from None
        yield _bound(runner)
    finally:
        await runner.cleanup()


def _site(runner: web.AppRunner, address: Address) -> web.BaseSite:
    if isinstance(address, TcpAddress):
        return web.TCPSite(runner, address.host, address.port)
    return web.UnixSite(runner, address.path)


def _bound(runner: web.AppRunner) -> tuple[str, int] | None:
    name = runner.addresses[0]
    return (name[0], name[1]) if isinstance(name, tuple) else None


def _lines(checks: Sequence[Check], ready: bool) -> str:
    lines = [f"[{'+' if check.ok else '-'}] {check.name}{_remark(check)}" for check in checks]
    return "\n".join([*lines, "ready" if ready else "not ready", ""])


def _remark(check: Check) -> str:
    if check.ok:
        return " ok"
    return " failed" if check.needed else " failed (does not count)"
