"""Where a request came from.

Envoy's own answer counts, since Envoy knows which proxies to believe.  Only where the operator
says that the headers can be trusted, the first valid address in them comes before it, in the
order of Moesif's plugins.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Protocol

# The collector takes the sender's address if an event has none; that would be this machine's.
UNKNOWN = "0.0.0.0"

_HEADERS = (
    "x-client-ip",
    "x-forwarded-for",
    "cf-connecting-ip",
    "fastly-client-ip",
    "true-client-ip",
    "x-real-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "forwarded-for",
    "forwarded",
    "x-appengine-user-ip",
    "cf-pseudo-ipv4",
)
# RFC 7239: for="[2001:db8::1]:4711"; other parameters stand beside it.
_FORWARDED_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*"?([^";]*)', re.IGNORECASE)
_MAX_ELEMENTS = 50  # of one header; a client may send thousands
_WITH_PORT = re.compile(r"\[([^\]]*)\](?::\d*)?|([\d.]+):\d*", re.ASCII)


class Addressed(Protocol):
    """What tells where a request came from: an entry of the log, or a request being checked."""

    @property
    def request_headers(self) -> Mapping[str, str]:
        """By their names in lower case; repeated ones joined by commas."""

    @property
    def client_address(self) -> str:
        """As Envoy resolved it; empty if it did not say."""

    @property
    def peer_address(self) -> str:
        """Of the connection."""


def client_ip(record: Addressed, *, trust_headers: bool) -> str:
    """Return the client's address, in the usual short form where it came from a header."""
    found = next(_in_headers(record), None) if trust_headers else None
    return found or record.client_address or record.peer_address or UNKNOWN


def _in_headers(record: Addressed) -> Iterator[str]:
    for name in _HEADERS:
        for element in record.request_headers.get(name, "").split(",", _MAX_ELEMENTS)[
            :_MAX_ELEMENTS
        ]:
            address = _address(element)
            if address is not None:
                yield address


def _address(element: str) -> str | None:
    forwarded = _FORWARDED_FOR.search(element)
    text = (forwarded.group(1) if forwarded else element).strip()
    with_port = _WITH_PORT.fullmatch(text)
    if with_port:
        text = with_port.group(1) or with_port.group(2) or ""
    if "%" in text:  # the zone of a link-local address means nothing elsewhere
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
