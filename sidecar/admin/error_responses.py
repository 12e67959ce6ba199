"""The one place where errors become answers."""

import traceback
from collections.abc import Mapping

import structlog
from aiohttp import web

from authsvc.errors import KeyringError, StoreUnavailableError
from sidecar.admin.problems import ProblemError, plain

_log = structlog.get_logger(__name__)
_EXPECTED: Mapping[type[Exception], tuple[int, str]] = {
    StoreUnavailableError: (503, "The database is unavailable; what was asked for may be done"),
    KeyringError: (500, "A stored value does not open"),  # logged where it is known which
}
_STATUS_TEXTS = {
    404: "Not found",
    405: "Method not allowed",
    408: "Request timeout",
    413: "Payload too large",
}


def problem_of(error: Exception) -> ProblemError:
    """Return what a caller is told of an error.

    An unexpected one is logged: its type and where it came from, never its text, which may
    quote what was sent.
    """
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, web.HTTPException):
        return plain(error.status, _STATUS_TEXTS.get(error.status, error.reason))
    for kind, (status, message) in _EXPECTED.items():
        if isinstance(error, kind):
            return plain(status, message)
    _log.error(
        "unexpected error",
        error=type(error).__qualname__,
        stack="".join(traceback.format_tb(error.__traceback__)),
    )
    return plain(500, "An unexpected error occurred")
