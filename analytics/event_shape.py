"""What an event is made of, in the order in which it is written; what is not set is left out.

Structs of msgspec, which writes them at once.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class Consumer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Who authsvc says that it was."""

    id: str
    username: str | None = None
    custom_id: str | None = None
    credential_id: str | None = None
    anonymous: bool | None = None


class Metadata(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The members, in the order in which they are written; None is left out."""

    request_headers_bytes: int
    request_body_bytes: int
    response_headers_bytes: int
    response_body_bytes: int
    route: str | None = None
    service: str | None = None
    cluster: str | None = None
    protocol: str | None = None
    response_flags: tuple[str, ...] | None = None
    response_code_details: str | None = None
    upstream_failure: str | None = None
    attempts: int | None = None
    tls_version: str | None = None
    server_name: str | None = None
    peer_subject: str | None = None
    peer_uris: tuple[str, ...] | None = None
    node: str | None = None
    log_name: str | None = None
    duration_ms: float | None = None
    request_read_ms: float | None = None
    upstream_first_byte_ms: float | None = None
    upstream_last_byte_ms: float | None = None
    result: str | None = None
    reason: str | None = None
    consumer: Consumer | None = None
    trace_id: str | None = None
    span_id: str | None = None
    grpc_status: int | None = None
    request_id: str | None = None
    tags: Mapping[str, Any] | None = None


class Request(msgspec.Struct, gc=False, omit_defaults=True):
    """The ``request`` of an event; the members that are not set are left out."""

    time: str
    uri: str
    verb: str
    headers: Mapping[str, str]
    ip_address: str
    api_version: str | UnsetType = UNSET
    body: Any = UNSET
    transfer_encoding: str | UnsetType = UNSET


class Response(msgspec.Struct, gc=False, omit_defaults=True):
    """The ``response`` of an event; the members that are not set are left out."""

    time: str
    status: int
    headers: Mapping[str, str]
    ip_address: str | UnsetType = UNSET
    body: Any = UNSET
    transfer_encoding: str | UnsetType = UNSET


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An event, its members in the order in which they are written; None is left out."""

    request: Request
    transaction_id: str
    direction: str
    weight: int
    metadata: Metadata | Mapping[str, Any]
    response: Response | None = None
    trace_id: str | None = None
    span: Mapping[str, str] | None = None
    user_id: str | None = None
    company_id: str | None = None
    subscription_id: str | None = None
    session_token: str | None = None
    blocked_by: str | None = None
    action_name: str | None = None
