"""Who may speak to the Admin API at all; looked at before anything else of a request.

1. Where a token file is configured, every request must bring its token, or one that was created.
2. Where there is none only this host may ask, which is the listener's business; but a browser on
   this host can be made to ask by any website. So the ``Host`` must be this host by name or
   address (a rebound name is not), and
3. in both cases no browser may write on behalf of another origin, unless that was configured.

A browser asks with OPTIONS, and without any token, whether a page may use one: pages of configured
origins are told.
"""

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping

from sidecar.admin.cors import Origins
from sidecar.admin.problems import plain
from sidecar.admin.refusals import UNKNOWN, VARIOUS
from sidecar.admin.roles import WRITES, Caller, Role
from sidecar.secret import Secret

Headers = Mapping[str, tuple[str, ...]]
FindCaller = Callable[[str], Awaitable[Caller | None]]
"""Returns whom a created token belongs to, or None: it is no token."""

OWNER = Caller("token_file", Role.ADMIN)
"""Whoever brings the token of the token file."""

LOCAL = Caller("local", Role.ADMIN)
"""Whoever asks from this host, where no token is asked for."""

_BROWSER = Caller("preflight", Role.VIEWER)
RESERVED_NAMES = frozenset({OWNER.name, LOCAL.name, _BROWSER.name, UNKNOWN, VARIOUS})
"""What no created token may be named: who did something must be plain."""

_OWN_SITE = frozenset({"same-origin", "none"})
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")
_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)
_MOST_TOKENS = 2  # of one request: Kong's header and the usual one
CREATED_PREFIX = "tka_"
"""What tokens that are created begin with."""


async def _nobody(_token: str) -> None:
    return None


class Guard:
    """Lets requests in, or not.

    Args of the constructor: the token file's token (None: there is none), what finds the callers
    of tokens that were created, and the origins whose pages may write.
    """

    def __init__(
        self,
        token: Secret | None,
        *,
        find_caller: FindCaller = _nobody,
        origins: Origins | None = None,
    ) -> None:
        self._token = token
        self._find_caller = find_caller
        self._origins = origins or Origins()

    @property
    def asks_for_token(self) -> bool:
        """Whether requests must bring a token."""
        return self._token is not None

    async def admit(self, *, method: str, scheme: str, headers: Headers) -> Caller:
        """Return who asks; ``headers`` by name in lower case.

        Raises:
            ProblemError: 401, 403 or 421: the request may not come in.
            StoreUnavailableError: It is not known whether the token is one.
        """
        caller = await self._identify(headers)
        # One that was revoked is refused: it must not become the admin that this host is without.
        if caller is None and self._token is None and not _claims_token(headers):
            _check_host(headers.get("host", ()))
            caller = LOCAL
        elif caller is None and method == "OPTIONS" and self._origins.knows(headers):
            caller = _BROWSER
        elif caller is None:
            raise plain(401, "A valid token is required", WWW_Authenticate="Bearer")
        if method in WRITES and not self._origins.knows(headers):
            _check_origin(scheme, headers)
        return caller

    async def _identify(self, headers: Headers) -> Caller | None:
        presented = _presented(headers)
        if self._token is not None and _is_among(self._token, presented):
            return OWNER
        for token in presented[:_MOST_TOKENS]:
            caller = await self._find_caller(token)
            if caller is not None:
                return caller
        return None


def _presented(headers: Headers) -> list[str]:
    bearers = map(_BEARER.fullmatch, headers.get("authorization", ()))
    return [*headers.get("kong-admin-token", ()), *(found[1] for found in bearers if found)]


def _claims_token(headers: Headers) -> bool:
    return any(token.startswith(CREATED_PREFIX) for token in _presented(headers))


def _is_among(token: Secret, presented: list[str]) -> bool:
    wanted = token.reveal().encode()
    # Every one of them is compared, and in constant time.
    matches = [
        hmac.compare_digest(one.encode("utf-8", "surrogateescape"), wanted) for one in presented
    ]
    return any(matches)


def _check_host(hosts: tuple[str, ...]) -> None:
    if len(hosts) != 1 or not _is_loopback(hosts[0]):
        raise plain(421, "Without a token the Admin API answers only to localhost")


def _check_origin(scheme: str, headers: Headers) -> None:
    own = {f"{scheme}://{host}".lower() for host in headers.get("host", ())}
    foreign_origin = any(origin.lower() not in own for origin in headers.get("origin", ()))
    foreign_site = not _OWN_SITE.issuperset(headers.get("sec-fetch-site", ()))
    if foreign_origin or foreign_site:
        raise plain(403, "Writes on behalf of another website are refused")


def _is_loopback(authority: str) -> bool:
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        return False
    host = match[1].strip("[]").lower().removesuffix(".")
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
