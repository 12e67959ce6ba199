"""One entry of Envoy's access log, read off its bytes: quick where this is compiled.

What callers can rely on: what comes out is what ``entry.EntryReader`` reads, to which everything is
left that is not as Envoy writes it.
"""

from typing import final

from analytics import entry_fields as f
from analytics import envoy_names
from analytics.entry import EntryReader, read_jwt_payloads
from analytics.entry_parts import Entry, Request
from analytics.envoy_names import name_of
from analytics.grpc_status import read_grpc_status
from analytics.known_pieces import KnownHeaders, KnownSaid
from analytics.pieces import read_address, read_flags, read_host_and_port, read_status, read_tls
from analytics.record import AccessRecord, Verdict
from analytics.remembered import Remembered
from analytics.wire import SECOND, UNREAD


@final
class EntryWire:
    """Reads entries, and remembers the pieces of which they are made."""

    def __init__(self, otherwise: EntryReader) -> None:
        """Know nothing yet.

        Args:
            otherwise: Who reads what is unusual.
        """
        self._otherwise = otherwise
        self._headers = KnownHeaders()
        self._said = KnownSaid()
        self._address = Remembered(read_address).__getitem__
        self._host_and_port = Remembered(read_host_and_port).__getitem__
        self._tls = Remembered(read_tls).__getitem__
        self._flags = Remembered(read_flags).__getitem__
        self._status = Remembered(read_status).__getitem__

    def read(self, entry: bytes, *, received: int) -> AccessRecord | None:
        """Return what ``EntryReader.read`` does, and raise what that raises."""
        read = Entry(self._headers, self._said)
        try:
            read.read(entry, 0, len(entry))
        except UNREAD:
            return self._otherwise.read(entry, received=received)
        log_type = read.common.number(f.ACCESS_LOG_TYPE)
        if log_type not in (envoy_names.NOT_SET, envoy_names.DOWNSTREAM_END):
            return None
        if read.common.number(f.INTERMEDIATE_LOG_ENTRY):
            return None
        return self._record(read, received)

    def _record(self, entry: Entry, received: int) -> AccessRecord:
        common, request, response = entry.common, entry.request, entry.response
        metadata = common.metadata
        verdict = None if metadata.said is None else Verdict(*metadata.said)
        authority = verdict.authority if verdict is not None else None
        authority = authority or request.text(f.AUTHORITY)
        if "@" in authority:
            authority = authority.rpartition("@")[2]  # what stands before it is a password
        _add_fields(request, authority)
        started = common.time(f.START_TIME)
        duration = common.time(f.DURATION)
        if duration is None:
            duration = common.time(f.TIME_TO_LAST_DOWNSTREAM_TX_BYTE)
        tls = self._tls(common.piece(f.TLS_PROPERTIES))
        return AccessRecord(
            received if started is None or started < SECOND else started,
            duration,
            common.time(f.TIME_TO_LAST_RX_BYTE),
            common.time(f.TIME_TO_FIRST_UPSTREAM_RX_BYTE),
            common.time(f.TIME_TO_LAST_UPSTREAM_RX_BYTE),
            name_of(envoy_names.METHODS, request.number(f.REQUEST_METHOD)) or request.method,
            request.text(f.SCHEME),
            authority,
            request.text(f.PATH),
            request.text(f.ORIGINAL_PATH),
            name_of(envoy_names.PROTOCOLS, entry.number(f.PROTOCOL_VERSION)),
            request.text(f.REQUEST_ID) or common.text(f.STREAM_ID),
            request.headers,
            request.number(f.REQUEST_HEADERS_BYTES),
            request.number(f.REQUEST_BODY_BYTES),
            tls.version,
            tls.server_name,
            tls.peer_subject,
            tls.peer_uris,
            self._address(common.piece(f.DOWNSTREAM_REMOTE_ADDRESS)),
            self._address(common.piece(f.DOWNSTREAM_DIRECT_REMOTE_ADDRESS)),
            self._host_and_port(common.piece(f.DOWNSTREAM_LOCAL_ADDRESS)),
            self._status(response.piece(f.RESPONSE_CODE)),
            read_grpc_status(response.trailers, response.headers),
            response.headers,
            response.number(f.RESPONSE_HEADERS_BYTES),
            response.number(f.RESPONSE_BODY_BYTES),
            response.text(f.RESPONSE_CODE_DETAILS),
            self._flags(common.piece(f.RESPONSE_FLAGS)),
            metadata.route or common.text(f.ROUTE_NAME) or None,
            metadata.service,
            common.text(f.UPSTREAM_CLUSTER),
            self._address(common.piece(f.UPSTREAM_REMOTE_ADDRESS)),
            common.text(f.UPSTREAM_TRANSPORT_FAILURE_REASON),
            common.number(f.UPSTREAM_REQUEST_ATTEMPT_COUNT),
            common.tags,
            verdict,
            None if metadata.jwt is None else read_jwt_payloads(metadata.jwt),
        )


def _add_fields(request: Request, authority: str) -> None:
    """Add those headers that have fields of their own."""
    headers = request.headers
    if authority:
        headers["host"] = authority
    if user_agent := request.text(f.USER_AGENT):
        headers["user-agent"] = user_agent
    if referer := request.text(f.REFERER):
        headers["referer"] = referer
    if forwarded_for := request.text(f.FORWARDED_FOR):
        headers["x-forwarded-for"] = forwarded_for
    if request_id := request.text(f.REQUEST_ID):
        headers["x-request-id"] = request_id
