"""The ``metadata`` of an event: what Moesif's API has no members for.

Route, service, cluster, what authsvc said, flags, durations in milliseconds and sizes in bytes.
What is not known is left out.
"""

from collections.abc import Mapping
from typing import Final

from analytics.event_shape import Consumer, Metadata
from analytics.record import AccessRecord, Sender, Verdict
from analytics.trace import Trace

# gRPC's codes for what authsvc answered, where Envoy was not asked to log the call's own.
_UNAUTHENTICATED: Final = 16
_PERMISSION_DENIED: Final = 7
_UNAVAILABLE: Final = 14
_NOBODY: Final = Verdict()


def metadata_of(
    record: AccessRecord, sender: Sender, *, trace: Trace | None, tags: Mapping[str, str]
) -> Metadata:
    """Return the metadata of a request's event.

    Args:
        record: The request.
        sender: The Envoy that logged it.
        trace: The trace that it belongs to.
        tags: The log's custom tags, as they may be shown.
    """
    verdict = record.verdict or _NOBODY
    # By position, in the order of the members: their names would take longer than all they name.
    return Metadata(
        record.request_headers_size,
        record.request_body_size,
        record.response_headers_size,
        record.response_body_size,
        record.route or None,
        record.service or None,
        record.upstream_cluster or None,
        record.protocol or None,
        record.flags or None,
        record.code_details or None,
        record.upstream_failure or None,
        record.attempts or None,
        record.tls_version or None,
        record.server_name or None,
        record.peer_subject or None,
        record.peer_uris or None,
        sender.node or None,
        sender.log_name or None,
        _milliseconds(record.duration),
        _milliseconds(record.request_read),
        _milliseconds(record.upstream_first_byte),
        _milliseconds(record.upstream_last_byte),
        verdict.result or None,
        verdict.reason or None,
        _consumer(verdict) if verdict.consumer_id else None,
        trace.trace_id if trace else None,
        trace.span_id if trace else None,
        _grpc_status(record),
        record.request_id or None,
        tags or None,
    )


def _milliseconds(nanoseconds: int | None) -> float | None:
    if nanoseconds is None:
        return None
    return (nanoseconds + 500) // 1000 / 1000  # to the microsecond; round() takes much longer


def _consumer(verdict: Verdict) -> Consumer:
    return Consumer(
        verdict.consumer_id or "",
        verdict.username or None,
        verdict.custom_id or None,
        verdict.credential_id or None,
        verdict.anonymous or None,
    )


def _grpc_status(record: AccessRecord) -> int | None:
    """Return how a gRPC call ended; the HTTP status is 200 even where it was refused."""
    verdict = record.verdict
    if record.grpc_status is not None or verdict is None or verdict.result == "allow":
        return record.grpc_status
    if not record.is_grpc:
        return None
    if verdict.result == "deny":
        return _PERMISSION_DENIED if verdict.consumer_id else _UNAUTHENTICATED
    return _UNAVAILABLE if verdict.result == "error" else None
