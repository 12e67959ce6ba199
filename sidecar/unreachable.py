"""Why a server cannot be reached, in words for who has to mend it."""

import errno
import os
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp

NO_URLS = (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)
"""Raised where nothing can be reached, whatever answers or not: the URL is none."""

_CUT = "the connection is cut without an answer; http and https may be mixed up"
_NUMBERS: Mapping[int, str] = {
    errno.ECONNREFUSED: "the connection is refused; nobody listens there",
    errno.ECONNRESET: _CUT,
    errno.EHOSTUNREACH: "there is no way to that host",
    errno.ENETUNREACH: "there is no way to that network",
}


def reason(error: Exception) -> str:
    """Return what an error of aiohttp, or of the system, says: one line, without a full stop."""
    for kind, say in _REASONS:
        if isinstance(error, kind):
            return say(error)
    return "it cannot be spoken to"


def _of_certificate(error: Any) -> str:
    said = getattr(error.certificate_error, "verify_message", "")
    return f"its certificate is not trusted ({said})" if said else "its certificate is not trusted"


def _of_number(error: Any) -> str:
    number = error.errno
    if number is None:  # several addresses, none of which could be had
        return "the connection is refused or fails at each of its addresses"
    return _NUMBERS.get(number) or os.strerror(number).lower()


# The more special ones first.
_REASONS: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (aiohttp.ClientConnectorCertificateError, _of_certificate),
    (aiohttp.ClientConnectorSSLError, lambda _error: "TLS fails; does it expect http?"),
    (aiohttp.ClientConnectorDNSError, lambda error: f"the name {error.host} is not known"),
    (aiohttp.ClientConnectorError, lambda error: _of_number(error.os_error)),
    (aiohttp.InvalidURL, lambda _error: "that is no URL"),
    (aiohttp.NonHttpUrlClientError, lambda _error: "that is no URL of http or https"),
    (aiohttp.ServerDisconnectedError, lambda _error: _CUT),
    (aiohttp.ClientResponseError, lambda _error: "what answers there does not speak HTTP"),
    (aiohttp.ClientPayloadError, lambda _error: "its answer breaks off"),
    (TimeoutError, lambda _error: "it does not answer in time"),
    (OSError, _of_number),
)
