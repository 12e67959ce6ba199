"""A collector that stands in for Moesif, or stands between and passes everything on to it.

It takes events as Moesif does, and tells of each batch that was accepted: by itself, or by the
real Moesif behind it. It keeps nothing.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from sidecar.demo.listening import listen

Event = Mapping[str, Any]

MAX_BODY = 50 * 1024 * 1024  # bytes: what Moesif takes at once
_APPLICATION_ID = "X-Moesif-Application-Id"
_TIMEOUT = aiohttp.ClientTimeout(total=4.5)  # seconds: less than the sender's patience
_PASSED_ON = ("X-Moesif-Config-Etag", "X-Moesif-Rules-Tag", "Retry-After")


class Collector:
    """Answers what a Moesif plugin asks for."""

    def __init__(
        self,
        *,
        accepted: Callable[[Sequence[Event]], None],
        refused: Callable[[int], None],
        moesif: aiohttp.ClientSession | None = None,
    ) -> None:
        """Take who is told.

        Args:
            accepted: Called with the events of each batch that was accepted.
            refused: Called with the status that Moesif refused a batch with.
            moesif: Where to pass everything on to; None: nowhere.
        """
        self._accepted = accepted
        self._refused = refused
        self._moesif = moesif

    def application(self) -> web.Application:
        """Return the API as a web application."""
        # aiohttp opens deflate and gzip, by Content-Encoding.
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/v1/events/batch", self._take)
        app.router.add_get("/v1/config", self._configure)
        app.router.add_get("/v1/rules", self._configure)
        return app

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            events = orjson.loads(body)
        except orjson.JSONDecodeError:
            return web.Response(status=400)
        if not request.headers.get(_APPLICATION_ID) or not isinstance(events, list):
            return web.Response(status=401 if isinstance(events, list) else 400)
        answer = await self._pass_on(request, body)
        if answer.status < 300:  # noqa: PLR2004 - HTTP's success
            self._accepted(events)
        else:
            self._refused(answer.status)
        return answer

    async def _configure(self, request: web.Request) -> web.Response:
        if self._moesif is None:
            return web.json_response([] if request.path.endswith("rules") else {})
        return await self._pass_on(request, None)

    async def _pass_on(self, request: web.Request, body: bytes | None) -> web.Response:
        if self._moesif is None:
            return web.Response(status=201)
        headers = {
            _APPLICATION_ID: request.headers.get(_APPLICATION_ID, ""),
            "Content-Type": "application/json",
            "User-Agent": request.headers.get("User-Agent", ""),
        }
        try:
            async with self._moesif.request(
                request.method, request.path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                passed = {n: v for n in _PASSED_ON if (v := answer.headers.get(n)) is not None}
                return web.Response(
                    status=answer.status,
                    headers=passed,
                    body=await answer.read(),
                    content_type="application/json",
                )
        except (aiohttp.ClientError, TimeoutError):
            return web.Response(status=502)  # the sender tries again


@asynccontextmanager
async def running_collector(
    *,
    accepted: Callable[[Sequence[Event]], None],
    refused: Callable[[int], None],
    moesif: str | None = None,
) -> AsyncIterator[str]:
    """Serve a collector on a free port of 127.0.0.1; yield its URL.

    Args:
        accepted: Called with the events of each batch that was accepted.
        refused: Called with the status that Moesif refused a batch with.
        moesif: The real one's URL; None: there is none behind.
    """
    async with AsyncExitStack() as stack:
        session = None
        if moesif is not None:
            session = await stack.enter_async_context(
                aiohttp.ClientSession(moesif, timeout=_TIMEOUT)
            )
        collector = Collector(accepted=accepted, refused=refused, moesif=session)
        port = await stack.enter_async_context(
            listen(collector.application(), host="127.0.0.1", port=0)
        )
        yield f"http://127.0.0.1:{port}"
