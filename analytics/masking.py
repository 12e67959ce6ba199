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
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import unquote_plus

from analytics.config import MoesifConfig
from analytics.remembered import Remembered

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

# What becomes of a header; only the first is false.
_SHOWN, _MASKED, _REMOVED = range(3)


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
        self._query_masks = frozenset(name.lower() for name in config.request_query_masks)
        self._request_fates = self._fates(config.request_header_masks)
        self._response_fates = self._fates(config.response_header_masks)
        self._tag_fates = self._fates(())
        self._shown_lengths = Remembered(self._shown_length)

    def request_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request that may be shown, as they may be shown."""
        return self._headers(headers, self._request_fates)

    def response_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a response that may be shown, as they may be shown."""
        return self._headers(headers, self._response_fates)

    def tags(self, tags: Mapping[str, str]) -> dict[str, str]:
        """Return an access log's custom tags as they may be shown."""
        return self._headers(tags, self._tag_fates)

    def url(self, text: str) -> str:
        """Return a URL, a path, or any text that may hold one, as it may be shown."""
        if "@" in text:
            text = _USER_INFO.sub(f"{MASK}@", text)
        if "?" not in text and "#" not in text:  # as most headers
            return text
        path, mark, query = _parted(text)
        # Without these an argument is a name and a value; an encoded equals sign is %3d or %3D.
        is_plain = not (";" in query or "%3" in query or "?" in query or "#" in query)
        masked = self._plain_argument if is_plain else self._argument
        return path + mark + "&".join(map(masked, query.split("&")))

    def _headers(self, headers: Mapping[str, str], fates: Mapping[str, int]) -> dict[str, str]:
        shown = dict(headers)
        # Most stay as they are; to look for the others is faster than to take each in hand.
        values = "\n".join(headers.values())
        if "?" in values or "#" in values or "@" in values:
            for name, value in headers.items():
                if "?" in value or "#" in value or "@" in value:
                    shown[name] = self.url(value)
        for name in [name for name in headers if fates[name]]:  # not _SHOWN
            if fates[name] == _MASKED:
                shown[name] = MASK
            else:
                del shown[name]
        return shown

    def _fates(self, removed: Iterable[str]) -> Mapping[str, int]:
        """Return what becomes of a header, by its name."""
        masks = frozenset(map(_canonical, removed))

        def fate(name: str) -> int:
            canonical = _canonical(name)
            if canonical in masks:
                return _REMOVED
            return _MASKED if self._credentials.have(canonical) else _SHOWN

        return Remembered(fate)

    def _plain_argument(self, argument: str) -> str:
        """Return what may be shown of a parameter in a query that has nothing unusual."""
        name, _, value = argument.partition("=")
        return f"{name}={MASK}" if len(value) > self._shown_lengths[name] else argument

    def _argument(self, argument: str) -> str:
        """Return what may be shown of what stands between two ``&``."""
        for parameter in _PARAMETER.finditer(argument):
            if len(argument) - parameter.end() > self._shown_lengths[parameter.group(1)]:
                # To the end: for authsvc a value may hold any character but ``&``.
                return argument[: parameter.end()] + MASK
        if self._embeds_credential(argument):
            name, equals, _ = argument.partition("=")
            return f"{name}={MASK}" if equals else MASK
        return argument

    def _shown_length(self, raw_name: str) -> int:
        """Return how long a value of a parameter may be to be shown."""
        name = unquote_plus(raw_name).lower()
        if name in self._query_masks:
            return 0
        # One character is no secret, and ?cookie=1 is a switch.
        return 1 if name in self._credentials else sys.maxsize

    def _embeds_credential(self, argument: str) -> bool:
        """Tell whether another URL, percent-encoded, has a credential in it."""
        if "%3d" not in argument.lower():
            return False
        names = _PARAMETER.findall(unquote_plus(argument))
        return any(unquote_plus(name) in self._credentials for name in names)


def _parted(text: str) -> Sequence[str]:
    """Return what is before the query, the mark that begins it, and the query."""
    return _QUERY_START.split(text, maxsplit=1) if "#" in text else text.partition("?")


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-")
