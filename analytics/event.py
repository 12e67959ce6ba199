"""What Moesif is told about a request, in the shape of its ``POST /v1/events`` API.

A member that is not known is left out.  The ``metadata`` are ours (``analytics.event_metadata``),
and what the configuration adds.  ``session_token`` is the id of the credential: as good as the key
to tell sessions apart, and of no use to whoever reads it.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import UNSET

from analytics.bodies.captured import NO_BODIES, Bodies
from analytics.bodies.metrics import BodyMetrics, NullBodyMetrics
from analytics.bodies.rendering import BodyRenderer
from analytics.client_ip import client_ip
from analytics.config import MoesifConfig
from analytics.encoding import encode_event
from analytics.event_metadata import metadata_of
from analytics.event_shape import Event, Request, Response
from analytics.identify import Identifier, Identity
from analytics.masking import CredentialNames, Masking
from analytics.record import AccessRecord, Sender
from analytics.trace import Trace, find_trace

_SECOND: Final = 1_000_000_000  # nanoseconds
_MILLISECOND: Final = 1_000_000
_UNKNOWN_VERB: Final = "UNKNOWN"
_SCHEMES: Final = frozenset({"http", "https"})

_MILLISECONDS: Final = [f".{number:03d}Z" for number in range(1000)]


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
    ) -> bytes:
        """Return the event of a request as JSON, with everything masked that must be.

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
        metadata = metadata_of(record, sender, trace=trace, tags=tags)
        # By position, in the order of the members, as there is one for each call.
        event = Event(
            self._request(record, bodies),
            transaction_id,
            "Outgoing" if sender.log_name in self._outgoing else self._direction,
            weight,
            metadata if not self._added else msgspec.to_builtins(metadata) | self._added,
            # Without a status the client left before there was an answer.
            None if record.status is None else self._response(record, bodies),
            trace.trace_id if trace else None,
            _span(trace) if trace else None,
            identity.user_id,
            identity.company_id,
            tags.get("subscription_id") or None,
            verdict.credential_id if verdict else None,
            verdict.blocked_by if verdict else None,
            tags.get("action_name") or None,
        )
        return encode_event(event)

    def _request(self, record: AccessRecord, bodies: Bodies) -> Request:
        request = Request(
            timestamp(record.started),
            self._masking.url(_uri(record)),
            record.method or _UNKNOWN_VERB,
            self._masking.request_headers(record.request_headers),
            client_ip(record, trust_headers=self._config.trust_client_ip_headers),
            self._version(record) or UNSET,
        )
        if bodies.request is not None:
            for name, value in self._bodies.request(bodies).items():
                setattr(request, name, value)
        return request

    def _response(self, record: AccessRecord, bodies: Bodies) -> Response:
        response = Response(
            timestamp(record.started + (record.duration or 0)),
            record.status or 0,
            self._masking.response_headers(record.response_headers),
            record.upstream_address or UNSET,
        )
        if bodies.response is not None:
            for name, value in self._bodies.response(bodies).items():
                setattr(response, name, value)
        return response

    def _version(self, record: AccessRecord) -> str | None:
        if not self._version_header:
            return self._config.api_version
        return record.request_headers.get(self._version_header) or self._config.api_version


def can_be_event(record: AccessRecord) -> bool:
    """Tell whether there was a request: Envoy also logs connections that never sent one."""
    return bool(record.authority or record.path)


def timestamp(nanoseconds: int) -> str:
    """Return a time as ``YYYY-MM-DDTHH:MM:SS.mmmZ``, cut to milliseconds."""
    seconds = nanoseconds // _SECOND
    milliseconds = (nanoseconds - seconds * _SECOND) // _MILLISECOND
    return _date_and_time(seconds) + _MILLISECONDS[milliseconds]


@lru_cache(maxsize=64)  # many requests begin in the same second
def _date_and_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _uri(record: AccessRecord) -> str:
    path = record.original_path or record.path
    if not path.startswith("/"):
        if "://" in path:  # the absolute form that proxies are sent
            return path
        path = f"/{path}"  # OPTIONS * has no slash, CONNECT no path
    scheme = record.scheme if record.scheme in _SCHEMES else _guessed_scheme(record)
    return f"{scheme}://{record.authority or record.local_address}{path}"


def _guessed_scheme(record: AccessRecord) -> str:
    forwarded = record.request_headers.get("x-forwarded-proto", "")
    if forwarded in _SCHEMES:
        return forwarded
    return "https" if record.tls_version else "http"


def _span(trace: Trace) -> dict[str, str]:
    if trace.parent_id is None:
        return {"id": trace.span_id}
    return {"id": trace.span_id, "parent_id": trace.parent_id}
