"""One finished request, as Envoy's access log tells it, in plain values.

Nothing here is masked yet: paths, headers and tags may hold credentials.

Records and verdicts are structs of msgspec: one of them is made for each call, and a frozen
dataclass of this size takes three times as long.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

_REFUSED = frozenset({"deny", "error"})


class Sender(msgspec.Struct, frozen=True, gc=False):
    """Which Envoy sent an entry, and under which log name; empty where it did not say."""

    node: str = ""
    cluster: str = ""
    log_name: str = ""


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What authsvc said about the request: verified, unlike anything in its headers.

    ``result`` is ``allow``, ``deny`` or ``error``. The rest is None where authsvc did not know it.
    """

    result: str | None = None
    reason: str | None = None
    consumer_id: str | None = None
    username: str | None = None
    custom_id: str | None = None
    credential_id: str | None = None
    anonymous: bool = False
    authority: str | None = None  # the host that the client asked, before Envoy rewrote it
    user_id: str | None = None
    company_id: str | None = None
    token_user_id: str | None = None  # what an unverified token says, as is the next
    token_company_id: str | None = None
    transaction_id: str | None = None
    blocked_by: str | None = None

    @property
    def is_stranger(self) -> bool:
        """Whether authsvc refused the request itself, rather than by a rule about who it knows."""
        return self.result in _REFUSED and self.blocked_by is None


class AccessRecord(msgspec.Struct, frozen=True, gc=False):
    """One finished request.

    Times are nanoseconds: ``started`` since the epoch, the others since ``started``, and None if
    that point was not reached. Sizes are bytes. A text that Envoy left out is empty. Names of
    headers and trailers are in lower case; pseudo headers are not among them.
    """

    started: int
    duration: int | None = None
    request_read: int | None = None
    upstream_first_byte: int | None = None
    upstream_last_byte: int | None = None

    method: str = ""
    scheme: str = ""
    authority: str = ""
    path: str = ""  # with its query, as the upstream got it
    original_path: str = ""  # before a rewrite; empty if there was none
    protocol: str = ""
    request_id: str = ""
    request_headers: dict[str, str] = {}
    request_headers_size: int = 0
    request_body_size: int = 0
    tls_version: str = ""
    server_name: str = ""  # of the TLS handshake
    peer_subject: str = ""  # of the client's certificate, as is the next
    peer_uris: tuple[str, ...] = ()

    client_address: str = ""  # as Envoy resolved it, with the proxies that it trusts
    peer_address: str = ""  # of the connection
    local_address: str = ""  # host:port that was connected to

    status: int | None = None  # None: nothing was answered, as when the client left
    grpc_status: int | None = None  # None: not a gRPC call, or not logged
    response_headers: dict[str, str] = {}
    response_headers_size: int = 0
    response_body_size: int = 0
    code_details: str = ""
    flags: tuple[str, ...] = ()  # Envoy's short names, such as UF

    route: str | None = None
    service: str | None = None
    upstream_cluster: str = ""
    upstream_address: str = ""
    upstream_failure: str = ""
    attempts: int = 0
    tags: dict[str, str] = {}
    verdict: Verdict | None = None  # None: authsvc was not asked, or did not answer
    # What Envoy's jwt_authn filter verified: claims by the name of their ``payload_in_metadata``,
    # numbers as their digits.
    jwt_payloads: Mapping[str, Any] | None = None

    @property
    def is_grpc(self) -> bool:
        """Whether the client made a gRPC call."""
        return self.request_headers.get("content-type", "").startswith("application/grpc")
