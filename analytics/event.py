"""What Moesif is told about a request, in the shape of its ``POST /v1/events`` API.

A member that is not known is left out.  The ``metadata`` are ours: route, service, cluster,
what authsvc said, flags, durations in milliseconds and sizes in bytes; and what the configuration
adds.  ``session_token`` is the id of the credential: as good as the key to tell sessions apart,
and of no use to whoever reads it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from analytics.bodies.captured import NO_BODIES, Bodies
from analytics.bodies.metrics import BodyMetrics, NullBodyMetrics
from analytics.bodies.rendering import BodyRenderer
from analytics.client_ip import client_ip
from analytics.config import MoesifConfig
from analytics.identify import Identifier, Identity
from analytics.masking import CredentialNames, Masking
from analytics.record import AccessRecord, Sender
from analytics.trace import Trace, find_trace

_MILLISECOND = 1_000_000  # nanoseconds
_UNKNOWN_VERB = "UNKNOWN"
# gRPC's codes for what authsvc answered, where Envoy was not asked to log the call's own.
_UNAUTHENTICATED, _PERMISSION_DENIED, _UNAVAILABLE = 16, 7, 14

Event = dict[str, Any]


class EventMaker:
    """Makes events as one configuration says."""

    def __init__(
        self,
        config: MoesifConfig,
        credentials: CredentialNames,
        body_metrics: BodyMetrics | None = None,
    ) -> None:
        self._config = config
        self._identifier = Identifier(config, credentials)
        self._masking = Masking(config, credentials)
        counts = body_metrics or NullBodyMetrics()
        self._bodies = BodyRenderer(config, credentials, self._masking, counts)
        self._direction = config.direction
        self._added = dict(config.metadata or {})
        self._outgoing = frozenset(config.outgoing_log_names)
        # Named by mistake, a header with a key would send keys in clear.
        version = (config.api_version_header or "").lower()
        self._version_header = version if version not in credentials else ""

    def wants_bodies(self, record: AccessRecord) -> bool:
        """Tell whether the event of a request is to have bodies, if there are any."""
        return self._bodies.wants(record)

    def identify(self, record: AccessRecord) -> Identity:
        """Return who made a request."""
        # Not of what is shown: whoever is identified by a masked header stays identified.
        return self._identifier.identify(record)

    def make(
        self,
        record: AccessRecord,
        sender: Sender,
        transaction_id: str,
        bodies: Bodies = NO_BODIES,
        *,
        identity: Identity | None = None,
        weight: int = 1,
    ) -> Event:
        """Return the event of a request, with everything masked that must be.

        Args:
            record: The request.
            sender: The Envoy that logged it.
            transaction_id: Tells the event from all others.
            bodies: What is known of its bodies.
            identity: Who made it, where that is known already.
            weight: For how many events it stands.
        """
        identity = identity or self.identify(record)
        trace = find_trace(record.request_headers)
        tags = self._masking.tags(record.tags) if record.tags else record.tags
        event: Event = {
            "request": self._request(record) | self._bodies.request(bodies),
            "response": self._response(record, bodies),
            "user_id": identity.user_id,
            "company_id": identity.company_id,
            "subscription_id": tags.get("subscription_id") or None,
            "session_token": record.verdict.credential_id if record.verdict else None,
            "transaction_id": transaction_id,
            "direction": "Outgoing" if sender.log_name in self._outgoing else self._direction,
            "weight": weight,
            "blocked_by": record.verdict.blocked_by if record.verdict else None,
            "action_name": tags.get("action_name") or None,
            "trace_id": trace.trace_id if trace else None,
            "span": _span(trace),
            "metadata": self._metadata(record, sender, trace, tags) | self._added,
        }
        return _known(event)

    def _request(self, record: AccessRecord) -> Event:
        return _known(
            {
                "time": timestamp(record.started),
                "uri": self._masking.url(_uri(record)),
                "verb": record.method or _UNKNOWN_VERB,
                "headers": self._masking.request_headers(record.request_headers),
                "api_version": self._version(record),
                "ip_address": client_ip(record, trust_headers=self._config.trust_client_ip_headers),
            }
        )

    def _response(self, record: AccessRecord, bodies: Bodies) -> Event | None:
        if record.status is None:  # the client left before there was one
            return None
        return _known(
            {
                "time": timestamp(record.started + (record.duration or 0)),
                "status": record.status,
                "headers": self._masking.response_headers(record.response_headers),
                "ip_address": record.upstream_address or None,
            }
        ) | self._bodies.response(bodies)

    def _version(self, record: AccessRecord) -> str | None:
        return record.request_headers.get(self._version_header) or self._config.api_version

    def _metadata(
        self,
        record: AccessRecord,
        sender: Sender,
        trace: Trace | None,
        tags: Mapping[str, str],
    ) -> Event:
        verdict = record.verdict
        return _known(
            {
                "route": record.route,
                "service": record.service,
                "cluster": record.upstream_cluster or None,
                "consumer": _consumer(record),
                "result": verdict.result if verdict else None,
                "reason": verdict.reason if verdict else None,
                "protocol": record.protocol or None,
                "grpc_status": _grpc_status(record),
                "response_flags": record.flags or None,
                "response_code_details": record.code_details or None,
                "upstream_failure": record.upstream_failure or None,
                "attempts": record.attempts or None,
                "duration_ms": _milliseconds(record.duration),
                "request_read_ms": _milliseconds(record.request_read),
                "upstream_first_byte_ms": _milliseconds(record.upstream_first_byte),
                "upstream_last_byte_ms": _milliseconds(record.upstream_last_byte),
                "request_headers_bytes": record.request_headers_size,
                "request_body_bytes": record.request_body_size,
                "response_headers_bytes": record.response_headers_size,
                "response_body_bytes": record.response_body_size,
                "request_id": record.request_id or None,
                "trace_id": trace.trace_id if trace else None,
                "span_id": trace.span_id if trace else None,
                **_tls(record),
                "node": sender.node or None,
                "log_name": sender.log_name or None,
                "tags": tags or None,
            }
        )


def can_be_event(record: AccessRecord) -> bool:
    """Tell whether there was a request: Envoy also logs connections that never sent one."""
    return bool(record.authority or record.path)


def timestamp(nanoseconds: int) -> str:
    """Return a time as ``YYYY-MM-DDTHH:MM:SS.mmmZ``, cut to milliseconds."""
    seconds, milliseconds = divmod(nanoseconds // _MILLISECOND, 1000)
    return f"{_date_and_time(seconds)}.{milliseconds:03d}Z"


@lru_cache(maxsize=64)  # many requests begin in the same second
def _date_and_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _uri(record: AccessRecord) -> str:
    path = record.original_path or record.path
    if not path.startswith("/"):
        if "://" in path:  # the absolute form that proxies are sent
            return path
        path = f"/{path}"  # OPTIONS * has no slash, CONNECT no path
    return f"{_scheme(record)}://{record.authority or record.local_address}{path}"


def _scheme(record: AccessRecord) -> str:
    forwarded = record.request_headers.get("x-forwarded-proto", "")
    for scheme in (record.scheme, forwarded):
        if scheme in {"http", "https"}:
            return scheme
    return "https" if record.tls_version else "http"


def _consumer(record: AccessRecord) -> Mapping[str, Any] | None:
    verdict = record.verdict
    if verdict is None or verdict.consumer_id is None:
        return None
    return _known(
        {
            "id": verdict.consumer_id,
            "username": verdict.username,
            "custom_id": verdict.custom_id,
            "credential_id": verdict.credential_id,
            "anonymous": verdict.anonymous or None,
        }
    )


def _grpc_status(record: AccessRecord) -> int | None:
    """Return how a gRPC call ended; the HTTP status is 200 even where it was refused."""
    if record.grpc_status is not None or not record.is_grpc or record.verdict is None:
        return record.grpc_status
    if record.verdict.result == "deny":
        return _PERMISSION_DENIED if record.verdict.consumer_id else _UNAUTHENTICATED
    return _UNAVAILABLE if record.verdict.result == "error" else None


def _tls(record: AccessRecord) -> Event:
    if not record.tls_version:
        return {}
    return {
        "tls_version": record.tls_version,
        "server_name": record.server_name or None,
        "peer_subject": record.peer_subject or None,
        "peer_uris": record.peer_uris or None,
    }


def _span(trace: Trace | None) -> Event | None:
    return _known({"id": trace.span_id, "parent_id": trace.parent_id}) if trace else None


def _milliseconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else round(nanoseconds / _MILLISECOND, 3)


def _known(members: Event) -> Event:
    return {name: value for name, value in members.items() if value is not None}
