"""The ext_authz face over plain HTTP, for Envoy's ``http_service`` mode.

What this mode cannot carry, and what is done about it:

* Envoy joins repeated headers with commas, so such a value may be ambiguous.
* It cannot rewrite ``:path``: the new one goes into ``x-tollkeeper-path``, which a line of Lua in
  the generated configuration puts in its place.
* Any 5xx counts as an error of the service, and obeys ``failure_mode_allow``: a refusal that the
  gRPC face answers with 500 is 403 here, so that it stays a refusal.  An outage is 503.
* 200 lets the request pass: a rule that refuses with it does so with 403 here.
* Headers of rules are not known when Envoy is configured: they go through Lua as well.
* It does not know the client's address; the generated configuration tells it in a header.

``http_listener`` listens for connections, and loads this when the first one comes.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import structlog
from aiohttp import web
from multidict import CIMultiDict

from authsvc.answer import Allowed, Answer, answer, check
from authsvc.authenticator import Authenticator
from authsvc.decision import Deny, DenyReason
from authsvc.metrics import AuthMetrics
from authsvc.request import Request
from authsvc.transaction_id import TRANSACTION_ID

ROUTE_HEADER = "x-tollkeeper-route"
SERVICE_HEADER = "x-tollkeeper-service"
PATH_HEADER = "x-tollkeeper-path"
CLIENT_ADDRESS_HEADER = "x-tollkeeper-client-address"
RULE_HEADERS = "rule_headers"  # headers of rules, for Lua: Envoy wants to know names beforehand
_NOT_OF_RULES = frozenset({"content-type", "grpc-status", TRANSACTION_ID})
_REMOVE_HEADER = "x-envoy-auth-headers-to-remove"
_PARTIAL_BODY = "x-envoy-auth-partial-body"
MAX_HEADER_LENGTH = 65_536  # bytes; Envoy itself refuses more than 60 KiB of headers
_MAX_PACKED = 16_384  # bytes
_OK = 200
_SERVER_ERROR = 500
_FORBIDDEN = 403
_BAD_REQUEST = 400

_log = structlog.get_logger(__name__)


class CheckHandler:
    """Answers any method on any path: they are those of the request that is asked about."""

    def __init__(self, *, authenticator: Authenticator, metrics: AuthMetrics) -> None:
        self._authenticator = authenticator
        self._metrics = metrics

    async def check(self, http: web.BaseRequest) -> web.Response:
        """Return 200 to let the request through, anything else to refuse it."""
        started = time.perf_counter()
        try:
            decided = await self._decide(http)
            response = _response(decided)
        except Exception:  # noqa: BLE001 - the one boundary: a denial, never a broken answer
            _log.exception("check failed")
            decided = answer(Deny(DenyReason.INTERNAL_ERROR), None)
            response = _response(decided)
        self._metrics.checked(
            result=decided.kind,
            reason=str(decided.metadata["reason"]),
            transport="http",
            seconds=time.perf_counter() - started,
        )
        return response

    async def _decide(self, http: web.BaseRequest) -> Answer:
        if "," in http.headers.get("host", ""):
            return answer(Deny(DenyReason.BAD_REQUEST), None)
        return await check(await _read(http), self._authenticator)


async def _read(http: web.BaseRequest) -> Request:
    partial = "true" in http.headers.get(_PARTIAL_BODY, "").lower()
    body = await http.read() if http.can_read_body else b""
    return Request(
        method=http.method,
        path=http.raw_path,
        headers=tuple((name.decode("latin-1").lower(), value) for name, value in http.raw_headers),
        joined=True,
        body=body if body and not partial else None,
        authority=http.headers.get("host") or None,
        client_address=http.headers.get(CLIENT_ADDRESS_HEADER) or None,
        route=http.headers.get(ROUTE_HEADER) or None,
        service=http.headers.get(SERVICE_HEADER) or None,
    )


def _response(decided: Answer) -> web.Response:
    headers: CIMultiDict[str] = CIMultiDict(
        (name, str(value).lower() if isinstance(value, bool) else _as_header(value))
        for name, value in decided.metadata.items()
    )
    if isinstance(decided, Allowed):
        # One answer for the upstream and the client: Envoy's configuration names who gets what.
        told = decided.headers_to_set | decided.response_headers
        headers.extend({name: _as_header(value) for name, value in told.items()})
        removed = [*decided.headers_to_remove, ROUTE_HEADER, SERVICE_HEADER]
        if decided.path is not None:
            headers[PATH_HEADER] = decided.path
        else:
            removed.append(PATH_HEADER)  # a client's own: it would be put in the path's place
        headers[_REMOVE_HEADER] = ", ".join(removed)
        _add_rule_headers(headers, decided.response_headers.items())
        return web.Response(status=200, headers=headers)
    denial = decided.denial
    headers.extend(denial.headers)
    if "blocked_by" in decided.metadata:
        _add_rule_headers(headers, denial.headers)
    # To Envoy 200 would mean allow, and any 5xx an outage, which it may let pass.
    misread = denial.status == _OK or denial.status >= _SERVER_ERROR
    return web.Response(
        status=_FORBIDDEN if decided.kind == "deny" and misread else denial.status,
        headers=headers,
        body=denial.body.encode(),
    )


def _add_rule_headers(headers: CIMultiDict[str], told: Iterable[tuple[str, str]]) -> None:
    packed = "&".join(
        f"{quote(name, safe='')}={quote(_as_header(value), safe='')}"
        for name, value in told
        if name not in _NOT_OF_RULES
    )
    if packed and len(packed) <= _MAX_PACKED:
        headers[RULE_HEADERS] = packed


class _Protocol(web.RequestHandler):
    """HTTP as aiohttp speaks it, except that a malformed request is never quoted.

    aiohttp repeats the offending bytes to the client and to the log; they may hold a key.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _BAD_REQUEST,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Refuse what could not be read as a request, and close the connection."""
        _log.warning("malformed request", error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        response = web.Response(status=status, text="Bad request")
        response.force_close()
        return response

    def log_exception(self, *_args: Any, **_details: Any) -> None:
        """Log an error beyond any request by its type alone."""
        _log.warning("connection failed", error=type(sys.exception()).__name__)

    def log_debug(self, *_args: Any, **_details: Any) -> None:
        """Log nothing: these quote as well."""


class _Server(web.Server):
    """Makes connections of ours."""

    def __call__(self) -> web.RequestHandler:
        return _Protocol(self, loop=self._loop, **self._kwargs)


def _as_header(value: str) -> str:
    # aiohttp writes headers as UTF-8; a control character would be refused there with an error.
    return "".join(character for character in value if character.isprintable())


@asynccontextmanager
async def answering(
    *, authenticator: Authenticator, metrics: AuthMetrics
) -> AsyncIterator[Callable[[], asyncio.Protocol]]:
    """Yield what makes the protocol of each new connection; ``http_listener`` listens for them.

    Leaving finishes what is under way, and ends the connections.
    """
    handler = CheckHandler(authenticator=authenticator, metrics=metrics)
    server = _Server(
        handler.check,
        access_log=None,
        max_line_size=MAX_HEADER_LENGTH,
        max_field_size=MAX_HEADER_LENGTH,
        auto_decompress=False,  # a body goes on as it is, so it is read as it is
    )
    runner = web.ServerRunner(server)
    await runner.setup()
    try:
        yield server
    finally:
        await runner.cleanup()
