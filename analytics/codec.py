"""Turns bytes from Envoy into plain values, and back; no other module speaks protobuf.

What callers can rely on:

1. ``decode`` never raises, whatever the bytes.
2. One bad entry costs that entry only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from analytics import envoy_names
from analytics.pb.accesslog_pb2 import (
    AccessLogCommon,
    Address,
    HTTPAccessLogEntry,
    HTTPRequestProperties,
    HTTPResponseProperties,
    StreamAccessLogsMessage,
    StreamAccessLogsResponse,
    TLSProperties,
)
from analytics.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse
from analytics.record import AccessRecord, Sender, Verdict
from analytics.wire import split_entries

# Where ext_authz puts the metadata of its answers, however the filter is named.
VERDICT_NAMESPACE = "envoy.filters.http.ext_authz"
# And jwt_authn the payloads of tokens, where it is told to.
JWT_NAMESPACE = "envoy.filters.http.jwt_authn"
END_OF_STREAM = StreamAccessLogsResponse().SerializeToString()

_SECOND = 1_000_000_000  # nanoseconds
_MAX_SECONDS = 2**33  # in the year 2242; a clock beyond it is wrong
_FINAL_TYPES = frozenset({envoy_names.NOT_SET, envoy_names.DOWNSTREAM_END})
_MAX_GRPC_STATUS_LENGTH = 3


@dataclass(frozen=True, slots=True)
class Decoded:
    """What one message holds.

    Attributes:
        sender: Who sends; None in all messages of a stream but the first.
        records: The finished requests, in the message's order.
        unfinished: Entries about requests that still go on.
        malformed: Entries that could not be read, or 1 if the whole message could not.
    """

    sender: Sender | None
    records: list[AccessRecord]
    unfinished: int
    malformed: int


def decode(message: bytes, *, received: int) -> Decoded:
    """Read a StreamAccessLogsMessage.

    Args:
        message: Its bytes.
        received: Now, in nanoseconds since the epoch, for entries that do not say when they began.
    """
    try:
        parsed = StreamAccessLogsMessage.FromString(message)
    except DecodeError:
        return _decode_apart(message, received)
    sender = _sender(parsed.identifier) if parsed.HasField("identifier") else None
    records, unfinished = _records(parsed.http_logs.log_entry, received)
    return Decoded(sender, records, unfinished, 0)


def decode_health_request(payload: bytes) -> str | None:
    """Return the service that a HealthCheckRequest asks for, or None if it is not one."""
    try:
        return HealthCheckRequest.FromString(payload).service
    except DecodeError:
        return None


def encode_health(*, serving: bool | None) -> bytes:
    """Return a HealthCheckResponse; None stands for a service that is not known."""
    status = HealthCheckResponse.SERVICE_UNKNOWN
    if serving is not None:
        status = HealthCheckResponse.SERVING if serving else HealthCheckResponse.NOT_SERVING
    return HealthCheckResponse(status=status).SerializeToString()


def _decode_apart(message: bytes, received: int) -> Decoded:
    try:
        pieces = split_entries(message)
    except ValueError:
        return Decoded(None, [], 0, 1)
    entries = []
    for piece in pieces:
        try:
            entries.append(HTTPAccessLogEntry.FromString(piece))
        except DecodeError:
            continue
    records, unfinished = _records(entries, received)
    malformed = len(pieces) - len(entries) if pieces else 1
    return Decoded(None, records, unfinished, malformed)


def _records(
    entries: Iterable[HTTPAccessLogEntry], received: int
) -> tuple[list[AccessRecord], int]:
    records = []
    unfinished = 0
    for entry in entries:
        common = entry.common_properties
        if common.access_log_type not in _FINAL_TYPES or common.intermediate_log_entry:
            unfinished += 1
        else:
            records.append(_record(entry, common, received))
    return records, unfinished


def _record(entry: HTTPAccessLogEntry, common: AccessLogCommon, received: int) -> AccessRecord:
    request, response = entry.request, entry.response
    response_headers = _lowered(response.response_headers)
    verdict, route, service = _verdict(common)
    peer = common.tls_properties.peer_certificate_properties
    has_status = response.HasField("response_code") and response.response_code.value != 0
    return AccessRecord(
        started=_since_epoch(common.start_time, received),
        duration=_elapsed(common, "duration", "time_to_last_downstream_tx_byte"),
        request_read=_elapsed(common, "time_to_last_rx_byte"),
        upstream_first_byte=_elapsed(common, "time_to_first_upstream_rx_byte"),
        upstream_last_byte=_elapsed(common, "time_to_last_upstream_rx_byte"),
        method=_method(request),
        scheme=request.scheme,
        authority=_authority(request, verdict),
        path=request.path,
        original_path=request.original_path,
        protocol=_name(envoy_names.PROTOCOLS, entry.protocol_version),
        request_id=request.request_id or common.stream_id,
        request_headers=_request_headers(request, verdict),
        request_headers_size=request.request_headers_bytes,
        request_body_size=request.request_body_bytes,
        tls_version=_name(envoy_names.TLS_VERSIONS, common.tls_properties.tls_version),
        server_name=common.tls_properties.tls_sni_hostname,
        peer_subject=peer.subject,
        peer_uris=_alternative_names(peer, "uri"),
        peer_dns_names=_alternative_names(peer, "dns"),
        client_address=common.downstream_remote_address.socket_address.address,
        peer_address=common.downstream_direct_remote_address.socket_address.address,
        local_address=_host_and_port(common.downstream_local_address),
        status=response.response_code.value if has_status else None,
        grpc_status=_grpc_status(response, response_headers),
        response_headers=response_headers,
        response_headers_size=response.response_headers_bytes,
        response_body_size=response.response_body_bytes,
        code_details=response.response_code_details,
        flags=_flags(common),
        route=route or common.route_name or None,
        service=service,
        upstream_cluster=common.upstream_cluster,
        upstream_address=common.upstream_remote_address.socket_address.address,
        upstream_failure=common.upstream_transport_failure_reason,
        attempts=common.upstream_request_attempt_count,
        tags=dict(common.custom_tags),
        verdict=verdict,
        jwt_payloads=_jwt_payloads(common),
    )


def _sender(identifier: StreamAccessLogsMessage.Identifier) -> Sender:
    return Sender(identifier.node.id, identifier.node.cluster, identifier.log_name)


def _name(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else ""


def _method(request: HTTPRequestProperties) -> str:
    # The field only knows nine methods; Envoy is asked to log the pseudo header for the others.
    return _name(envoy_names.METHODS, request.request_method) or request.request_headers.get(
        ":method", ""
    )


def _authority(request: HTTPRequestProperties, verdict: Verdict | None) -> str:
    # Envoy logs what the upstream was sent, which may be an address of the inside.
    asked = (verdict.authority if verdict else None) or request.authority
    return asked.rpartition("@")[2]  # what may stand before it is a password


def _request_headers(request: HTTPRequestProperties, verdict: Verdict | None) -> dict[str, str]:
    headers = _lowered(request.request_headers)
    own_fields = (
        ("host", _authority(request, verdict)),
        ("user-agent", request.user_agent),
        ("referer", request.referer),
        ("x-forwarded-for", request.forwarded_for),
        ("x-request-id", request.request_id),
    )
    for name, value in own_fields:
        if value:
            headers[name] = value
    return headers


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): headers[name] for name in headers if not name.startswith(":")}


def _since_epoch(time: Timestamp, received: int) -> int:
    if not 0 < time.seconds < _MAX_SECONDS:
        return received
    return time.seconds * _SECOND + time.nanos


def _elapsed(common: AccessLogCommon, *names: str) -> int | None:
    for name in names:
        if common.HasField(name):
            elapsed: Duration = getattr(common, name)
            if 0 <= elapsed.seconds < _MAX_SECONDS:
                return max(0, elapsed.seconds * _SECOND + elapsed.nanos)
    return None


def _host_and_port(address: Address) -> str:
    socket = address.socket_address
    host = f"[{socket.address}]" if ":" in socket.address else socket.address
    return f"{host}:{socket.port_value}" if host else ""


def _flags(common: AccessLogCommon) -> tuple[str, ...]:
    if not common.HasField("response_flags"):
        return ()
    names = envoy_names.RESPONSE_FLAGS
    return tuple(names[field.name] for field, _ in common.response_flags.ListFields())


def _grpc_status(response: HTTPResponseProperties, headers: dict[str, str]) -> int | None:
    # A refused call has no body: its trailers come as headers.
    text = _lowered(response.response_trailers).get("grpc-status") or headers.get("grpc-status", "")
    if text.isascii() and text.isdigit() and len(text) <= _MAX_GRPC_STATUS_LENGTH:
        return int(text)
    return None


def _verdict(common: AccessLogCommon) -> tuple[Verdict | None, str | None, str | None]:
    """Return authsvc's verdict, and the route and the service that it names."""
    namespaces = common.metadata.filter_metadata
    if VERDICT_NAMESPACE not in namespaces:
        return None, None, None
    said: Struct = namespaces[VERDICT_NAMESPACE]
    texts = {name: _text(value) for name, value in said.fields.items()}
    verdict = Verdict(
        result=texts.get("result"),
        reason=texts.get("reason"),
        consumer_id=texts.get("consumer_id"),
        username=texts.get("username"),
        custom_id=texts.get("custom_id"),
        credential_id=texts.get("credential_id"),
        anonymous="anonymous" in texts and _flag(said.fields["anonymous"]),
        authority=texts.get("authority"),
        user_id=texts.get("user_id"),
        company_id=texts.get("company_id"),
        transaction_id=texts.get("transaction_id"),
        blocked_by=texts.get("blocked_by"),
    )
    return verdict, texts.get("route"), texts.get("service")


def _flag(value: Value) -> bool:
    # In ext_authz's HTTP mode every value of the verdict is text.
    return value.bool_value or value.string_value == "true"


def _text(value: Value) -> str | None:
    return value.string_value or None


def _jwt_payloads(common: AccessLogCommon) -> Mapping[str, Any] | None:
    namespaces = common.metadata.filter_metadata
    return _members(namespaces[JWT_NAMESPACE]) if JWT_NAMESPACE in namespaces else None


def _members(struct: Struct) -> dict[str, Any]:
    return {name: _plain(value) for name, value in struct.fields.items()}


def _plain(value: Value) -> Any:
    """Return a value of a Struct, a number as text: an id that is one has no decimal point."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return str(int(number)) if number.is_integer() else str(number)
    if kind == "struct_value":
        return _members(value.struct_value)
    if kind == "list_value":
        return [_plain(member) for member in value.list_value.values]
    return {"string_value": value.string_value, "bool_value": value.bool_value}.get(kind or "")


def _alternative_names(
    certificate: TLSProperties.CertificateProperties, kind: Literal["uri", "dns"]
) -> tuple[str, ...]:
    names = certificate.subject_alt_name
    return tuple(getattr(name, kind) for name in names if name.HasField(kind)) if names else ()
