"""HTTP as aiohttp speaks it, except that a malformed request is never quoted.

aiohttp repeats the offending bytes to the client and to the log; ours may hold a key or a token.
"""

import sys
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod

_log = structlog.get_logger(__name__)


class AdminProtocol(web.RequestHandler):
    """One connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Answer what could not be read as a request, and close the connection."""
        _log.warning("malformed request", error=type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        if isinstance(exc, BadHttpMethod):
            status, text = 405, "Method not allowed"
        else:
            text = "Bad request"
        response = web.json_response({"message": text}, status=status)
        response.headers["Server"] = "tollkeeper"
        response.force_close()
        return response

    def log_exception(self, *_args: Any, **_details: Any) -> None:
        """Log an error beyond any request by its type alone."""
        _log.warning("connection failed", error=type(sys.exception()).__name__)

    def log_debug(self, *_args: Any, **_details: Any) -> None:
        """Log nothing: these quote as well."""


async def invite_body(request: web.Request) -> None:
    """Tell a client that waits for it to send its body; whatever else it expects is ignored."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
