"""A real HTTP server that stands in for Moesif's collector, with scripted answers.

    async with Collector(503, Reply(429, {"Retry-After": "1"}), 201) as collector:
        ...  # POST to f"{collector.url}/v1/events/batch"

Answers are given in turn, and the last one stays.
"""

import asyncio
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

Event = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An answer with headers; with ``body`` bytes, sent as they are."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Hang:
    """No answer: the connection is closed after so many seconds."""

    seconds: float


Answer = int | Reply | Hang | Callable[[list[Event]], int]


@dataclass(frozen=True)
class Post:
    """One request as it came."""

    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes  # as it was sent
    events: list[Event]
    status: int | None  # what was answered; None: nothing
    at: float  # time.monotonic()
    peer: str  # host and port of the connection


class Collector:
    """Keeps every request in ``posts``; may be stopped, and started again on the same port."""

    def __init__(self, *script: Answer) -> None:
        self.script: list[Answer] = list(script) or [201]
        self.posts: list[Post] = []
        self.gets: list[str] = []
        self.config: Any = {}  # what GET /v1/config answers; bytes as they are, a Reply instead
        self.rules: Any = []  # the same for /v1/rules
        self.tag: str | None = None  # of the configuration; told with every answer
        self.port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def events(self) -> list[Event]:
        """Every event that was answered with a 2xx, in order, repeated ones repeatedly."""
        return [event for post in self.accepted for event in post.events]

    @property
    def accepted(self) -> list[Post]:
        return [post for post in self.posts if post.status is not None and post.status // 100 == 2]

    async def start(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/{path:.*}", self._answer)
        app.router.add_get("/v1/config", self._document)
        app.router.add_get("/v1/rules", self._document)
        self._runner = web.AppRunner(
            app, auto_decompress=False, handler_cancellation=True, shutdown_timeout=0
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        events = orjson.loads(_opened(body, request.headers.get("Content-Encoding")))
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        reply = _reply(answer, events)
        self.posts.append(
            Post(
                path=request.path_qs,
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
                events=events,
                status=reply.status if reply else None,
                at=time.monotonic(),
                peer="{}:{}".format(*request.transport.get_extra_info("peername"))
                if request.transport
                else "",
            )
        )
        if reply is None:
            await _hang(request, answer)
            return web.Response()
        headers = self._tags() | dict(reply.headers)
        return web.Response(status=reply.status, headers=headers, body=reply.body)

    async def _document(self, request: web.Request) -> web.Response:
        self.gets.append(request.path)
        wanted = self.rules if request.path.endswith("rules") else self.config
        if isinstance(wanted, Hang):
            await _hang(request, wanted)
            return web.Response()
        if isinstance(wanted, Reply):
            return web.Response(status=wanted.status, headers=wanted.headers, body=wanted.body)
        body = wanted if isinstance(wanted, bytes) else orjson.dumps(wanted)
        return web.Response(body=body, headers=self._tags(), content_type="application/json")

    def _tags(self) -> dict[str, str]:
        return {} if self.tag is None else {"X-Moesif-Config-ETag": self.tag}


def _reply(answer: Answer, events: list[Event]) -> Reply | None:
    if isinstance(answer, Hang):
        return None
    if isinstance(answer, Reply):
        return answer
    return Reply(answer if isinstance(answer, int) else answer(events))


async def _hang(request: web.Request, answer: object) -> None:
    assert isinstance(answer, Hang)
    await asyncio.sleep(answer.seconds)
    if request.transport is not None:
        request.transport.abort()


def _opened(body: bytes, encoding: str | None) -> bytes:
    if encoding is None:
        return body
    # 32: a zlib or a gzip header, whichever it is.
    return zlib.decompress(body, zlib.MAX_WBITS | 32)
