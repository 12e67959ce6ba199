"""The ``metadata`` of an event: what Moesif's API has no members for.

Route, service, cluster, what authsvc said, flags, durations in milliseconds and sizes in bytes.
What is not known is left out.
"""

from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from analytics.record import AccessRecord, Sender, Verdict
from analytics.trace import Trace

# gRPC's codes for what authsvc answered, where Envoy was not asked to log the call's own.
_UNAUTHENTICATED, _PERMISSION_DENIED, _UNAVAILABLE = 16, 7, 14

Members = dict[str, Any]

# Members of the metadata -> members of a record; what is empty, none or zero is left out.
_TOLD = {
    "route": "route",
    "service": "service",
    "cluster": "upstream_cluster",
    "protocol": "protocol",
    "response_flags": "flags",
    "response_code_details": "code_details",
    "upstream_failure": "upstream_failure",
    "attempts": "attempts",
    "request_id": "request_id",
}
_TOLD_OF_TLS = {
    "tls_version": "tls_version",
    "server_name": "server_name",
    "peer_subject": "peer_subject",
    "peer_uris": "peer_uris",
}
# The same, in nanoseconds; what is none is left out.
_TIMES = {
    "duration_ms": "duration",
    "request_read_ms": "request_read",
    "upstream_first_byte_ms": "upstream_first_byte",
    "upstream_last_byte_ms": "upstream_last_byte",
}
_told = attrgetter(*_TOLD.values())
_told_of_tls = attrgetter(*_TOLD_OF_TLS.values())
_times = attrgetter(*_TIMES.values())


def metadata_of(
    record: AccessRecord, sender: Sender, *, trace: Trace | None, tags: Mapping[str, str]
) -> Members:
    """Return the metadata of a request's event.

    Args:
        record: The request.
        sender: The Envoy that logged it.
        trace: The trace that it belongs to.
        tags: The log's custom tags, as they may be shown.
    """
    metadata: Members = {
        "request_headers_bytes": record.request_headers_size,
        "request_body_bytes": record.request_body_size,
        "response_headers_bytes": record.response_headers_size,
        "response_body_bytes": record.response_body_size,
    }
    for name, value in zip(_TOLD, _told(record), strict=True):
        if value:
            metadata[name] = value
    for name, nanoseconds in zip(_TIMES, _times(record), strict=True):
        if nanoseconds is not None:
            metadata[name] = _milliseconds(nanoseconds)
    if record.tls_version:
        for name, value in zip(_TOLD_OF_TLS, _told_of_tls(record), strict=True):
            if value:
                metadata[name] = value
    if record.verdict is not None:
        metadata |= _judged(record.verdict)
    if trace is not None:
        metadata |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    optional = {
        "grpc_status": _grpc_status(record),
        "node": sender.node or None,
        "log_name": sender.log_name or None,
        "tags": tags or None,
    }
    return metadata | _known(optional)


def _judged(verdict: Verdict) -> Members:
    """Return what authsvc said, and about whom."""
    judged: Members = {"result": verdict.result, "reason": verdict.reason}
    if verdict.consumer_id is not None:
        judged["consumer"] = _known(
            {
                "id": verdict.consumer_id,
                "username": verdict.username,
                "custom_id": verdict.custom_id,
                "credential_id": verdict.credential_id,
                "anonymous": verdict.anonymous or None,
            }
        )
    return _known(judged)


def _grpc_status(record: AccessRecord) -> int | None:
    """Return how a gRPC call ended; the HTTP status is 200 even where it was refused."""
    if record.grpc_status is not None or not record.is_grpc or record.verdict is None:
        return record.grpc_status
    if record.verdict.result == "deny":
        return _PERMISSION_DENIED if record.verdict.consumer_id else _UNAUTHENTICATED
    return _UNAVAILABLE if record.verdict.result == "error" else None


def _milliseconds(nanoseconds: int) -> float:
    # To the microsecond; round() takes three times as long.
    return (nanoseconds + 500) // 1000 / 1000


def _known(members: Members) -> Members:
    return {name: value for name, value in members.items() if value is not None}
