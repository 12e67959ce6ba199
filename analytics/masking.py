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
from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import unquote_plus

from analytics.config import MoesifConfig
from analytics.remembered import Remembered

MASK: Final = "*****"

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

_MAX_NAMES: Final = 8192  # of headers, of which it is remembered what becomes of them


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
        self._request_fates = _Fates(config.request_header_masks, credentials)
        self._response_fates = _Fates(config.response_header_masks, credentials)
        self._tag_fates = _Fates((), credentials)
        self._shown_lengths = Remembered(self._shown_length)

    def request_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Return the headers of a request that may be shown, as they may be shown."""
        return self._headers(headers, self._request_fates)

    def response_headers(self, headers: dict[str, str]) -> dict[str, str]:
        """Return the same of the headers of a response."""
        return self._headers(headers, self._response_fates)

    def tags(self, tags: dict[str, str]) -> dict[str, str]:
        """Return the same of an access log's custom tags."""
        return self._headers(tags, self._tag_fates)

    def url(self, text: str) -> str:
        """Return a URL, a path, or any text that may hold one, as it may be shown."""
        if "@" in text:
            text = _USER_INFO.sub(f"{MASK}@", text)
        if "?" not in text and "#" not in text:  # as most headers
            return text
        path, mark, query = _parted(text)
        # Without these an argument is a name and a value; an encoded equals sign is %3d or %3D.
        if ";" in query or "%3" in query or "?" in query or "#" in query:
            return path + mark + "&".join([self._argument(each) for each in query.split("&")])
        lengths = self._shown_lengths
        arguments = query.split("&")
        is_masked = False
        for index, argument in enumerate(arguments):
            equals = argument.find("=")
            if equals >= 0:
                name = argument[:equals]
                length = lengths.get(name)
                if length is None:
                    length = lengths[name]
                if len(argument) - equals - 1 > length:
                    arguments[index] = f"{name}={MASK}"
                    is_masked = True
        return path + mark + "&".join(arguments) if is_masked else text

    def _headers(self, headers: dict[str, str], fates: "_Fates") -> dict[str, str]:
        shown = headers.copy()
        are_shown = fates.are_shown
        for name, value in headers.items():
            is_shown = are_shown.get(name)
            if is_shown is None:
                is_shown = fates.learn(name)
            if not is_shown:
                if name in fates.removed:
                    del shown[name]
                else:
                    shown[name] = MASK
            elif "?" in value or "#" in value or "@" in value:  # as in few
                shown[name] = self.url(value)
        return shown

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


class _Fates:
    """What becomes of headers, by their names: each is looked at once.

    Attributes:
        are_shown: Of those that were looked at, whether they are.
        removed: And which of the others are left out, rather than masked.
    """

    def __init__(self, removed: Iterable[str], credentials: CredentialNames) -> None:
        self.are_shown: dict[str, bool] = {}
        self.removed: set[str] = set()
        self._to_remove = frozenset(map(_canonical, removed))
        self._credentials = credentials

    def learn(self, name: str) -> bool:
        """Look at a name; tell whether such headers are shown."""
        if len(self.are_shown) >= _MAX_NAMES:
            self.are_shown.clear()
            self.removed.clear()
        canonical = _canonical(name)
        is_removed = canonical in self._to_remove
        if is_removed:
            self.removed.add(name)
        is_shown = not is_removed and not self._credentials.have(canonical)
        self.are_shown[name] = is_shown
        return is_shown


def _parted(text: str) -> Sequence[str]:
    """Return what is before the query, the mark that begins it, and the query."""
    return _QUERY_START.split(text, maxsplit=1) if "#" in text else text.partition("?")


def _canonical(name: str) -> str:
    return name.lower().replace("_", "-")
