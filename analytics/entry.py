"""One entry of Envoy's access log: from bytes to an ``AccessRecord``."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from analytics import envoy_names
from analytics.envoy_names import JWT_NAMESPACE, VERDICT_NAMESPACE, name_of
from analytics.grpc_status import read_grpc_status
from analytics.pb.accesslog_pb2 import (
    AccessLogCommon,
    HTTPAccessLogEntry,
    HTTPRequestProperties,
    MetadataEntry,
)
from analytics.pieces import (
    header_recurs,
    read_address,
    read_flags,
    read_header,
    read_host_and_port,
    read_said,
    read_status,
    read_text,
    read_tls,
    said_recurs,
)
from analytics.record import AccessRecord, Verdict
from analytics.remembered import Remembered

_SECOND = 1_000_000_000  # nanoseconds
_MAX_SECONDS = 2**33  # in the year 2242; a clock beyond it is wrong
_FINAL_TYPES = frozenset({envoy_names.NOT_SET, envoy_names.DOWNSTREAM_END})

# authsvc uses the names that a verdict has here, and names the route and the service besides.
_NOTHING_SAID: dict[str, Any] = dict.fromkeys((*Verdict.__struct_fields__, "route", "service"))
_NOTHING_SAID["anonymous"] = False
_verdict_members = itemgetter(*Verdict.__struct_fields__)


class EntryReader:
    """Reads entries, and remembers the pieces of which they are made."""

    def __init__(self) -> None:
        self._header = Remembered(read_header, recurs=header_recurs).__getitem__
        self._tag = Remembered(read_text).__getitem__
        self._said = Remembered(read_said, recurs=said_recurs).__getitem__
        self._address = Remembered(read_address).__getitem__
        self._host_and_port = Remembered(read_host_and_port).__getitem__
        self._tls = Remembered(read_tls).__getitem__
        self._flags = Remembered(read_flags).__getitem__
        self._status = Remembered(read_status).__getitem__

    def read(self, entry: bytes, *, received: int) -> AccessRecord | None:
        """Return the finished request of an entry, or None if that request still goes on.

        Args:
            entry: The bytes of an HTTPAccessLogEntry.
            received: Now, in nanoseconds since the epoch, for an entry that does not say when its
                request began.

        Raises:
            google.protobuf.message.DecodeError: It is not an entry.
        """
        parsed = HTTPAccessLogEntry.FromString(entry)
        common = parsed.common_properties
        if common.access_log_type not in _FINAL_TYPES or common.intermediate_log_entry:
            return None
        return self._record(parsed, common, received)

    def _record(
        self, entry: HTTPAccessLogEntry, common: AccessLogCommon, received: int
    ) -> AccessRecord:
        request, response = entry.request, entry.response
        said, jwt_payloads = self._metadata(common.metadata.filter_metadata)
        told = said or _NOTHING_SAID
        authority = told["authority"] or request.authority
        if "@" in authority:
            authority = authority.rpartition("@")[2]  # what stands before it is a password
        response_headers = self._headers(response.response_headers)
        # By position, in the order of the fields: 38 names would take longer than all they name.
        return AccessRecord(
            _since_epoch(common.start_time, received),
            _duration(common),
            _elapsed(common.time_to_last_rx_byte, common, "time_to_last_rx_byte"),
            _elapsed(
                common.time_to_first_upstream_rx_byte, common, "time_to_first_upstream_rx_byte"
            ),
            _elapsed(common.time_to_last_upstream_rx_byte, common, "time_to_last_upstream_rx_byte"),
            name_of(envoy_names.METHODS, request.request_method) or _unusual_method(request),
            request.scheme,
            authority,
            request.path,
            request.original_path,
            name_of(envoy_names.PROTOCOLS, entry.protocol_version),
            request.request_id or common.stream_id,
            self._request_headers(request, authority),
            request.request_headers_bytes,
            request.request_body_bytes,
            *self._tls(common.tls_properties),
            self._address(common.downstream_remote_address),
            self._address(common.downstream_direct_remote_address),
            self._host_and_port(common.downstream_local_address),
            self._status(response.response_code),
            read_grpc_status(self._headers(response.response_trailers), response_headers),
            response_headers,
            response.response_headers_bytes,
            response.response_body_bytes,
            response.response_code_details,
            self._flags(common.response_flags),
            told["route"] or common.route_name or None,
            told["service"],
            common.upstream_cluster,
            self._address(common.upstream_remote_address),
            common.upstream_transport_failure_reason,
            common.upstream_request_attempt_count,
            dict(map(self._tag, tags[:])) if (tags := common.custom_tags) else {},
            Verdict(*_verdict_members(said)) if said else None,
            jwt_payloads,
        )

    def _headers(self, pieces: Sequence[bytes]) -> dict[str, str]:
        # A slice is a list at once, where iterating asks protobuf for each piece.
        return dict(filter(None, map(self._header, pieces[:]))) if pieces else {}

    def _request_headers(self, request: HTTPRequestProperties, authority: str) -> dict[str, str]:
        headers = self._headers(request.request_headers)
        if authority:
            headers["host"] = authority
        if user_agent := request.user_agent:
            headers["user-agent"] = user_agent
        if referer := request.referer:
            headers["referer"] = referer
        if forwarded_for := request.forwarded_for:
            headers["x-forwarded-for"] = forwarded_for
        if request_id := request.request_id:
            headers["x-request-id"] = request_id
        return headers

    def _metadata(
        self, namespaces: Sequence[MetadataEntry]
    ) -> tuple[dict[str, Any] | None, Mapping[str, Any] | None]:
        """Return what authsvc said, and the payloads that jwt_authn verified."""
        said = jwt_payloads = None
        for namespace in namespaces:
            name = namespace.key
            if name == VERDICT_NAMESPACE:
                said = _NOTHING_SAID | dict(map(self._said, namespace.value.fields[:]))
            elif name == JWT_NAMESPACE:
                jwt_payloads = read_jwt_payloads(namespace.value.SerializeToString())
        return said, jwt_payloads


def _unusual_method(request: HTTPRequestProperties) -> str:
    # The field only knows nine methods; Envoy is asked to log the pseudo header for the others.
    return dict(map(read_text, request.request_headers)).get(":method", "")


def _since_epoch(time: Timestamp, received: int) -> int:
    seconds = time.seconds
    return seconds * _SECOND + time.nanos if 0 < seconds < _MAX_SECONDS else received


def _duration(common: AccessLogCommon) -> int | None:
    elapsed = _elapsed(common.duration, common, "duration")
    if elapsed is None:
        name = "time_to_last_downstream_tx_byte"
        return _elapsed(common.time_to_last_downstream_tx_byte, common, name)
    return elapsed


def _elapsed(elapsed: Duration, common: AccessLogCommon, name: str) -> int | None:
    """Return the nanoseconds of one of the times of a request; None: it was not reached."""
    seconds, nanos = elapsed.seconds, elapsed.nanos
    if not seconds and nanos > 0:  # as nearly always, and then it was set
        return nanos
    if not 0 <= seconds < _MAX_SECONDS or not common.HasField(name):
        return None
    return max(0, seconds * _SECOND + nanos)


def read_jwt_payloads(struct: bytes) -> dict[str, Any]:
    """Return what jwt_authn verified, numbers as their digits.

    Raises:
        google.protobuf.message.DecodeError: It is no Struct.
    """
    return _members(Struct.FromString(struct))


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
