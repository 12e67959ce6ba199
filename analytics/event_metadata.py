"""The ``metadata`` of an event: what Moesif's API has no members for.

Route, service, cluster, what authsvc said, flags, durations in milliseconds and sizes in bytes.
What is not known is left out.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any

from analytics.record import AccessRecord, Sender
from analytics.trace import Trace

# gRPC's codes for what authsvc answered, where Envoy was not asked to log the call's own.
_UNAUTHENTICATED, _PERMISSION_DENIED, _UNAVAILABLE = 16, 7, 14

Members = dict[str, Any]

# Members of the metadata -> members of a record that are the same for many.
_USUAL = {
    "route": "route",
    "service": "service",
    "cluster": "upstream_cluster",
    "protocol": "protocol",
    "response_flags": "flags",
    "response_code_details": "code_details",
    "upstream_failure": "upstream_failure",
    "attempts": "attempts",
    "tls_version": "tls_version",
    "server_name": "server_name",
    "peer_subject": "peer_subject",
    "peer_uris": "peer_uris",
}
# Members of the metadata -> members of a record, in nanoseconds.
_TIMES = {
    "duration_ms": "duration",
    "request_read_ms": "request_read",
    "upstream_first_byte_ms": "upstream_first_byte",
    "upstream_last_byte_ms": "upstream_last_byte",
}
# Members of the consumer -> members of a verdict.
_CONSUMER = {
    "id": "consumer_id",
    "username": "username",
    "custom_id": "custom_id",
    "credential_id": "credential_id",
    "anonymous": "anonymous",
}
_judgement = attrgetter("result", "reason", *_CONSUMER.values())
_usual = attrgetter(*_USUAL.values())
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
    metadata |= _told(sender, *_usual(record))
    metadata |= {
        name: (nanoseconds + 500) // 1000 / 1000  # to the microsecond; round() takes much longer
        for name, nanoseconds in zip(_TIMES, _times(record), strict=True)
        if nanoseconds is not None
    }
    if record.verdict is not None:
        metadata |= _judged(*_judgement(record.verdict))
    if trace is not None:
        metadata |= {"trace_id": trace.trace_id, "span_id": trace.span_id}
    if (grpc_status := _grpc_status(record)) is not None:
        metadata["grpc_status"] = grpc_status
    if record.request_id:
        metadata["request_id"] = record.request_id
    if tags:
        metadata["tags"] = tags
    return metadata


@lru_cache(maxsize=4096)  # a few for each route
def _told(sender: Sender, *usual: object) -> Mapping[str, Any]:
    """Return what a record tells, without what is empty or zero, and who sent it."""
    told = _given(zip(_USUAL, usual, strict=True))
    return told | _given({"node": sender.node, "log_name": sender.log_name}.items())


@lru_cache(maxsize=4096)  # the same consumers call again
def _judged(result: str | None, reason: str | None, *consumer: object) -> Mapping[str, Any]:
    """Return what authsvc said, and about whom."""
    said = _given({"result": result, "reason": reason}.items())
    known = _given(zip(_CONSUMER, consumer, strict=True))
    return said | {"consumer": known} if "id" in known else said


def _grpc_status(record: AccessRecord) -> int | None:
    """Return how a gRPC call ended; the HTTP status is 200 even where it was refused."""
    if record.grpc_status is not None or not record.is_grpc or record.verdict is None:
        return record.grpc_status
    if record.verdict.result == "deny":
        return _PERMISSION_DENIED if record.verdict.consumer_id else _UNAUTHENTICATED
    return _UNAVAILABLE if record.verdict.result == "error" else None


def _given(members: Iterable[tuple[str, Any]]) -> Members:
    return {name: value for name, value in members if value}
