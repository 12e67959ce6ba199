"""A stand-in for Moesif's collector: takes batches, counts their events, and keeps the first ones.

``POST /v1/events/batch`` as Moesif has it.  For the bench: ``GET /seen/ID`` says how many events
came for an application id, ``GET /first/ID`` returns the first ones, and ``PUT /open`` and
``PUT /closed`` let it take events, or answer 503.
"""

from collections import Counter

import orjson
import uvloop
from aiohttp import web
from isal import igzip

from bench.contenders.serving import announce_and_wait
from bench.processes import LOAD_CORE, pin_to

# One for each event, however its JSON is spaced: a quote within a text is escaped.
_MARK = b'"Incoming"'
_KEPT = 10_000  # events at least, for comparing
_COUNTED = web.AppKey("counted", Counter[str])
_FIRST = web.AppKey("first", dict[str, list[bytes]])
_STATE = web.AppKey("state", dict[str, bool])


def build() -> web.Application:
    """Return the application; it is open at first."""
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app[_COUNTED] = Counter()
    app[_FIRST] = {}
    app[_STATE] = {"open": True}
    app.router.add_post("/v1/events/batch", take)
    app.router.add_get("/seen/{id}", seen)
    app.router.add_get("/first/{id}", first)
    app.router.add_put("/{state:open|closed}", switch)
    return app


async def take(request: web.Request) -> web.Response:
    """Take a batch."""
    if not request.app[_STATE]["open"]:
        return web.Response(status=503)
    body = await request.read()
    if "Content-Encoding" in request.headers:
        body = igzip.decompress(body)  # type: ignore[no-untyped-call]  # the library is not
    name = request.headers["X-Moesif-Application-Id"]
    if request.app[_COUNTED][name] < _KEPT:
        request.app[_FIRST].setdefault(name, []).append(body)
    request.app[_COUNTED][name] += body.count(_MARK)
    return web.Response(status=201)


async def seen(request: web.Request) -> web.Response:
    """Say how many events came."""
    return web.json_response(request.app[_COUNTED][request.match_info["id"]])


async def first(request: web.Request) -> web.Response:
    """Return the first events."""
    batches = request.app[_FIRST][request.match_info["id"]]
    return web.json_response([event for batch in batches for event in orjson.loads(batch)])


async def switch(request: web.Request) -> web.Response:
    """Take events from now on, or do not."""
    request.app[_STATE]["open"] = request.match_info["state"] == "open"
    return web.Response(status=204)


async def serve() -> None:
    """Serve until standard input ends."""
    runner = web.AppRunner(build(), auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await announce_and_wait(runner.addresses[0][1])
    await runner.cleanup()


if __name__ == "__main__":
    pin_to(LOAD_CORE)
    uvloop.run(serve())
