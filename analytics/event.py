"""What Moesif is told about a request, in the shape of its ``POST /v1/events`` API.

A member that is not known is left out.  The ``metadata`` are ours (``analytics.event_metadata``),
and what the configuration adds.  ``session_token`` is the id of the credential: as good as the key
to tell sessions apart, and of no use to whoever reads it.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from analytics.bodies.captured import NO_BODIES, Bodies
from analytics.bodies.metrics import BodyMetrics, NullBodyMetrics
from analytics.bodies.rendering import BodyRenderer
from analytics.client_ip import client_ip
from analytics.config import MoesifConfig
from analytics.event_metadata import metadata_of
from analytics.identify import Identifier, Identity
from analytics.masking import CredentialNames, Masking
from analytics.record import AccessRecord, Sender
from analytics.trace import find_trace

_MILLISECOND = 1_000_000  # nanoseconds
_UNKNOWN_VERB = "UNKNOWN"
_SCHEMES = frozenset({"http", "https"})

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
        verdict = record.verdict
        trace = find_trace(record.request_headers)
        tags = self._masking.tags(record.tags) if record.tags else record.tags
        event = {
            "request": self._request(record, bodies),
            "transaction_id": transaction_id,
            "direction": "Outgoing" if sender.log_name in self._outgoing else self._direction,
            "weight": weight,
            "metadata": metadata_of(record, sender, trace=trace, tags=tags) | self._added,
        }
        if record.status is not None:  # else the client left before there was one
            event["response"] = self._response(record, bodies)
        if trace is not None:
            event["trace_id"] = trace.trace_id
            event["span"] = _known({"id": trace.span_id, "parent_id": trace.parent_id})
        known = {
            "user_id": identity.user_id,
            "company_id": identity.company_id,
            "subscription_id": tags.get("subscription_id") or None,
            "session_token": verdict.credential_id if verdict else None,
            "blocked_by": verdict.blocked_by if verdict else None,
            "action_name": tags.get("action_name") or None,
        }
        return event | _known(known)

    def _request(self, record: AccessRecord, bodies: Bodies) -> Event:
        request = {
            "time": timestamp(record.started),
            "uri": self._masking.url(_uri(record)),
            "verb": record.method or _UNKNOWN_VERB,
            "headers": self._masking.request_headers(record.request_headers),
            "ip_address": client_ip(record, trust_headers=self._config.trust_client_ip_headers),
        }
        if version := self._version(record):
            request["api_version"] = version
        if bodies.request is not None:
            request |= self._bodies.request(bodies)
        return request

    def _response(self, record: AccessRecord, bodies: Bodies) -> Event:
        response = {
            "time": timestamp(record.started + (record.duration or 0)),
            "status": record.status,
            "headers": self._masking.response_headers(record.response_headers),
        }
        if record.upstream_address:
            response["ip_address"] = record.upstream_address
        if bodies.response is not None:
            response |= self._bodies.response(bodies)
        return response

    def _version(self, record: AccessRecord) -> str | None:
        return record.request_headers.get(self._version_header) or self._config.api_version


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
    if record.scheme in _SCHEMES:
        return record.scheme
    forwarded = record.request_headers.get("x-forwarded-proto", "")
    if forwarded in _SCHEMES:
        return forwarded
    return "https" if record.tls_version else "http"


def _known(members: Event) -> Event:
    return {name: value for name, value in members.items() if value is not None}
