"""Who may speak to the Admin API at all; looked at before anything else of a request.

1. With a token, every request must bring it.
2. Without one only this host may ask, which is the listener's business; but a browser on this
   host can be made to ask by any website. So the ``Host`` must be this host by name or address
   (a rebound name is not), and
3. in both cases no browser may write on behalf of another origin.
"""

import hmac
import ipaddress
import re
from collections.abc import Mapping

from sidecar.admin.problems import plain
from sidecar.secret import Secret

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OWN_SITE = frozenset({"same-origin", "none"})
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?")
_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)


class Guard:
    """Lets requests in, or not."""

    def __init__(self, token: Secret | None) -> None:
        self._token = token

    @property
    def asks_for_token(self) -> bool:
        """Whether requests must bring a token."""
        return self._token is not None

    def check(self, *, method: str, scheme: str, headers: Mapping[str, tuple[str, ...]]) -> None:
        """Refuse a request that may not come in; ``headers`` by name in lower case.

        Raises:
            ProblemError: 401, 403 or 421.
        """
        if self._token is None:
            self._check_host(headers.get("host", ()))
        else:
            self._check_token(self._token, headers)
        if method in _WRITES:
            _check_origin(scheme, headers)

    def _check_token(self, token: Secret, headers: Mapping[str, tuple[str, ...]]) -> None:
        wanted = token.reveal().encode()
        presented = [
            *headers.get("kong-admin-token", ()),
            *(
                found[1]
                for found in map(_BEARER.fullmatch, headers.get("authorization", ()))
                if found
            ),
        ]
        # Every one of them is compared, and in constant time.
        matches = [
            hmac.compare_digest(one.encode("utf-8", "surrogateescape"), wanted) for one in presented
        ]
        if not any(matches):
            raise plain(401, "A valid token is required", WWW_Authenticate="Bearer")

    def _check_host(self, hosts: tuple[str, ...]) -> None:
        if len(hosts) != 1 or not _is_loopback(hosts[0]):
            raise plain(421, "Without a token the Admin API answers only to localhost")


def _check_origin(scheme: str, headers: Mapping[str, tuple[str, ...]]) -> None:
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
