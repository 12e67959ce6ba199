"""Keeps credentials, and what the operator wants kept, out of events.

What callers can rely on:

1. The value of every header, query parameter and tag that carries a credential is masked,
   whether the call was allowed or denied; of the usual names only where the configuration does not
   say that they are shown, of those that this gateway takes keys from always.  Query parameters are
   found in every text with a ``?`` or a ``#``: in paths as in ``referer`` or ``location``, and
   percent-encoded inside the value of another parameter (which is masked as a whole).  The user
   and the password of a URL are masked, too.
2. Names are compared percent-decoded, in any letter case, and with ``_`` as good as ``-``.
3. Everything else stays as it was, byte for byte.

Before that, headers that the configuration masks are removed, and the values of query parameters
that it names are masked; their names are compared percent-decoded and in any letter case.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from urllib.parse import unquote_plus

from analytics.config import MoesifConfig

MASK = "*****"

# Names under which clients send credentials, beside those that Tollkeeper itself takes keys from.
USUAL_CREDENTIAL_NAMES = (
    "authorization",
    "proxy-authorization",
    "cookie",
    "set-cookie",
    "apikey",
    "api-key",
    "x-api-key",
    "access-token",
    "x-access-token",
    "x-auth-token",
    "x-amz-security-token",
    "id-token",
    "refresh-token",
    "client-secret",
    "x-moesif-application-id",
)

_NEVER_SHOWN = ("x-moesif-application-id",)

_USER_INFO = re.compile(r"(?<=://)[^/?#@\s]+@")  # the user and the password of a URL
_QUERY_START = re.compile(r"([?#])")
# ``;`` separates parameters for some servers, and a query may hold another URL with its own ``?``.
_PARAMETER = re.compile(r"(?:^|[?&;#])([^?&;#=]*)=")


class CredentialNames:
    """The names of headers, query parameters and tags whose values are never shown."""

    def __init__(self, names: Iterable[str] = (), *, usual: bool = True) -> None:
        """Know ``names``, and the usual ones unless they are not wanted."""
        known = (*USUAL_CREDENTIAL_NAMES, *names) if usual else (*_NEVER_SHOWN, *names)
        self._names = frozenset(_canonical(name) for name in known)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _canonical(name) in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def have(self, canonical: str) -> bool:
        """Tell whether a name is among them that is in lower case and has hyphens already."""
        return canonical in self._names


class Masking:
    """Masks what one configuration and the known credential names say."""

    def __init__(self, config: MoesifConfig, credentials: CredentialNames) -> None:
        self._credentials = credentials
        self._request_masks = frozenset(_canonical(name) for name in config.request_header_masks)
        self._response_masks = frozenset(_canonical(name) for name in config.response_header_masks)
        self._query_masks = frozenset(name.lower() for name in config.request_query_masks)

    def request_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request that may be shown, as they may be shown."""
        return self._headers(headers, self._request_masks)

    def response_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a response that may be shown, as they may be shown."""
        return self._headers(headers, self._response_masks)

    def tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return an access log's custom tags as they may be shown."""
        return self._headers(tags, frozenset())

    def url(self, text: str) -> str:
        """Return a URL, a path, or any text that may hold one, as it may be shown."""
        if "@" in text:
            text = _USER_INFO.sub(f"{MASK}@", text)
        if "?" not in text and "#" not in text:  # as most headers
            return text
        path, mark, query = _QUERY_START.split(text, maxsplit=1)
        return path + mark + "&".join(self._argument(argument) for argument in query.split("&"))

    def _headers(self, headers: Mapping[str, str], masks: frozenset[str]) -> dict[str, str]:
        shown = {}
        for name, value in headers.items():
            canonical = _canonical_header(name)
            if canonical not in masks:
                shown[name] = MASK if self._credentials.have(canonical) else self.url(value)
        return shown

    def _argument(self, argument: str) -> str:
        """Return what may be shown of what stands between two ``&``."""
        for parameter in _PARAMETER.finditer(argument):
            if self._is_masked(parameter.group(1), len(argument) - parameter.end()):
                # To the end: for authsvc a value may hold any character but ``&``.
                return argument[: parameter.end()] + MASK
        if self._embeds_credential(argument):
            name, equals, _ = argument.partition("=")
            return f"{name}={MASK}" if equals else MASK
        return argument

    def _is_masked(self, raw_name: str, value_length: int) -> bool:
        name = unquote_plus(raw_name).lower()
        if name in self._query_masks:
            return value_length > 0
        # One character is no secret, and ?cookie=1 is a switch.
        return value_length > 1 and name in self._credentials

    def _embeds_credential(self, argument: str) -> bool:
        """Tell whether another URL, percent-encoded, has a credential in it."""
        if "%3d" not in argument.lower():
            return False
        names = _PARAMETER.findall(unquote_plus(argument))
        return any(unquote_plus(name) in self._credentials for name in names)


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-")


# Of headers and tags only, whose names the operator lists: clients make up names of parameters.
_canonical_header = lru_cache(maxsize=1024)(_canonical)
