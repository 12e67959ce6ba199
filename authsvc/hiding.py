"""What to take out of a request so that the upstream never sees the credential.

All configured names are taken out, in headers, query and cookies, wherever the key was found and
whether or not it was right: a credential under another of the names is one all the same.
"""

from dataclasses import dataclass, field

from authsvc.cookies import without_cookies
from authsvc.locations import AUTHORIZATION, cookie_headers, header_names, is_bearer
from authsvc.policy import KeyAuthConfig
from authsvc.query import mentions, without_arguments
from authsvc.request import Request


@dataclass(frozen=True, slots=True)
class Hiding:
    """The headers to remove; the new path and query, and the cookies that stay, if they change."""

    headers: tuple[str, ...] = ()
    path: str | None = field(default=None, repr=False)  # may hold other secrets of the client
    cookie: str | None = field(default=None, repr=False)  # so may the other cookies


_COOKIE = "cookie"
NOTHING_HIDDEN = Hiding()


def hide(request: Request, config: KeyAuthConfig) -> Hiding:
    """Return what to change about a request that goes on to the upstream."""
    if not config.hide_credentials:
        return NOTHING_HIDDEN
    headers = dict.fromkeys(header for name in config.key_names for header in header_names(name))
    names = frozenset(name.encode() for name in config.key_names)
    path = without_arguments(request.path, names) if mentions(request.path, names) else None
    if config.key_in_bearer and any(map(_holds_bearer, request.values(AUTHORIZATION))):
        headers[AUTHORIZATION] = None
    cookie = _cookies_left(request, names) if config.key_in_cookie else None
    if cookie == "":
        headers[_COOKIE] = None
    return Hiding(tuple(headers), path, cookie or None)


def _holds_bearer(credentials: bytes) -> bool:
    # Envoy joins several lines with commas, also where it keeps those of other headers apart.
    return is_bearer(credentials) or any(map(is_bearer, credentials.split(b",")))


def _cookies_left(request: Request, names: frozenset[bytes]) -> str | None:
    """Return the cookies that stay, joined to one header; None if they need not change."""
    sent = list(cookie_headers(request, names))
    kept = [without_cookies(header, names) for header in sent]
    if kept == [header.strip() for header in sent]:
        return None
    try:
        return b"; ".join(filter(None, kept)).decode()
    except UnicodeDecodeError:
        # Envoy takes text only: rather no cookies at all than a credential that is not hidden.
        return ""
