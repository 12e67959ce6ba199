"""Where in a request the key may sit: Kong's search order, and ours behind it.

Names are the outer loop, locations (header, query, body, cookie) the inner one; the first name
that has a value in any location decides, right or wrong.  Duplicates count per name and location,
and only in the location that is looked at.  A bearer token has no name, and so comes last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from authsvc.apikey import ApiKey
from authsvc.body import field_values
from authsvc.cookies import cookie_values, lines_apart
from authsvc.policy import KeyAuthConfig
from authsvc.query import query_of, values_of
from authsvc.request import Request

AUTHORIZATION = "authorization"
_BEARER = b"bearer "
_BLANKS = b" \t"  # HTTP/1 strips these around a value, HTTP/2 does not: make both alike


class NoKey(Enum):
    """Why a request gives no key to look up."""

    MISSING = "missing"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class FoundKey:
    """The presented key.

    ``ambiguous``: Envoy may have joined several header lines into this value, so that an unknown
    key is rather a duplicate one.
    """

    key: ApiKey
    ambiguous: bool = False


def find_key(request: Request, config: KeyAuthConfig) -> FoundKey | NoKey:
    """Return the key that counts, or why there is none."""
    for name in config.key_names:
        in_header = _header_values(request, name) if config.key_in_header else []
        values = in_header or _other_values(request, config, name)
        if len(values) > 1:
            return NoKey.DUPLICATE
        if values:
            # An empty value hides what follows, as in Kong: it was meant to be the key.
            key = values[0]
            ambiguous = request.joined and bool(in_header) and b"," in key
            return FoundKey(ApiKey(key), ambiguous=ambiguous) if key else NoKey.MISSING
    return _bearer_key(request) if config.key_in_bearer else NoKey.MISSING


def is_bearer(credentials: bytes) -> bool:
    """Tell whether the value of an ``authorization`` header is a bearer token."""
    return credentials.strip(_BLANKS)[: len(_BEARER)].lower() == _BEARER


def header_names(name: str) -> tuple[str, ...]:
    """Return the header names, in lower case, that a key name stands for.

    An underscore also matches a hyphen, as in Kong, where proxies turn the one into the other.
    """
    lower = name.lower()
    return (lower, lower.replace("_", "-")) if "_" in lower else (lower,)


def cookie_headers(request: Request, names: frozenset[bytes]) -> Iterable[bytes]:
    """Return the ``cookie`` headers of a request in which cookies of these names are looked for."""
    headers = request.values("cookie")
    return lines_apart(headers, names) if request.joined else headers


def _header_values(request: Request, name: str) -> list[bytes]:
    names = header_names(name)
    return [value.strip(_BLANKS) for header, value in request.headers if header in names]


def _other_values(request: Request, config: KeyAuthConfig, name: str) -> list[bytes]:
    values = values_of(query_of(request.path), name) if config.key_in_query else []
    if not values and config.key_in_body and request.body is not None:
        values = field_values(request.first("content-type"), request.body, name)
    if not values and config.key_in_cookie:
        values = cookie_values(cookie_headers(request, frozenset({name.encode()})), name)
    return values


def _bearer_key(request: Request) -> FoundKey | NoKey:
    tokens = [
        credentials.strip(_BLANKS)[len(_BEARER) :].strip(_BLANKS)
        for credentials in request.values(AUTHORIZATION)
        if is_bearer(credentials)
    ]
    if len(tokens) > 1:
        return NoKey.DUPLICATE
    if not tokens or not tokens[0]:
        return NoKey.MISSING
    # Envoy joins these lines also where it keeps others apart.
    return FoundKey(ApiKey(tokens[0]), ambiguous=b"," in tokens[0])
