import pytest
from envoy.config.core.v3.base_pb2 import RequestMethod
from envoy.data.accesslog.v3.accesslog_pb2 import (
    AccessLogType,
    HTTPAccessLogEntry,
    ResponseFlags,
    TLSProperties,
)
from envoy.service.accesslog.v3.als_pb2 import StreamAccessLogsMessage
from hypothesis import given
from hypothesis import strategies as st

from analytics import envoy_names
from analytics.build import BUILD
from analytics.codec import PORTION, Decoded, Decoder, decode_health_request, encode_health
from analytics.entry import EntryReader
from analytics.entry_reading import quicker_reader
from analytics.entry_wire import EntryWire
from analytics.pb.health_pb2 import HealthCheckRequest, HealthCheckResponse
from analytics.record import AccessRecord, Sender
from tests.fakes.envoy_log import entry, message, said, socket

NOW = 1_800_000_000_000_000_000
START = 1_730_263_542_005_000_000


CERTIFICATE = {
    "subject": "CN=billing,O=acme",
    "subject_alt_name": [
        {"dns": "billing.acme"},
        {"uri": "spiffe://acme/billing"},
        {"dns": "b.acme"},
    ],
}


def decode(data: bytes) -> Decoded:
    """Return what a message holds, whichever way its entries are read."""
    in_one_way = decode_by(EntryReader(), data)
    assert decode_by(EntryWire(EntryReader()), data) == in_one_way
    return in_one_way


def decode_by(entries: EntryReader | EntryWire, data: bytes) -> Decoded:
    """Return what a message holds, in one piece."""
    first, *more = Decoder(entries).decode(data, received=NOW)
    for portion in more:
        first.records.extend(portion.records)
    portions = [first, *more]
    return Decoded(
        first.sender,
        first.records,
        unfinished=sum(portion.unfinished for portion in portions),
        malformed=sum(portion.malformed for portion in portions),
    )


def record_of(built: HTTPAccessLogEntry) -> AccessRecord:
    (record,) = decode(message(built)).records
    return record


def test_the_payloads_of_verified_tokens_keep_the_digits_of_numbers() -> None:
    claims = {"sub": "u", "n": 12, "x": 1.5, "yes": True, "none": None, "in": {"of": ["a", 1]}}
    metadata = {"filter_metadata": {"envoy.filters.http.jwt_authn": {"payload": claims}}}
    record = record_of(entry(common={"metadata": metadata}))
    expected = claims | {"n": "12", "x": "1.5", "in": {"of": ["a", "1"]}}
    assert record.jwt_payloads == {"payload": expected}
    assert record_of(entry()).jwt_payloads is None


def test_the_tables_are_envoys() -> None:
    assert list(envoy_names.METHODS[1:]) == [name for name, _ in RequestMethod.items()][1:]
    assert [field.name for field in ResponseFlags.DESCRIPTOR.fields] == list(
        envoy_names.RESPONSE_FLAGS
    )
    assert AccessLogType.Value("NotSet") == envoy_names.NOT_SET
    assert AccessLogType.Value("DownstreamEnd") == envoy_names.DOWNSTREAM_END
    assert [version.number for version in HTTPAccessLogEntry.HTTPVersion.DESCRIPTOR.values] == [
        *range(len(envoy_names.PROTOCOLS))
    ]
    assert [version.number for version in TLSProperties.TLSVersion.DESCRIPTOR.values] == [
        *range(len(envoy_names.TLS_VERSIONS))
    ]


def test_every_field_is_read_from_where_envoy_puts_it() -> None:
    record = record_of(
        entry(
            common={
                "time_to_last_rx_byte": "0.001s",
                "time_to_first_upstream_rx_byte": "0.050s",
                "time_to_last_upstream_rx_byte": "0.060s",
                "downstream_direct_remote_address": socket("10.0.0.9"),
                "downstream_local_address": socket("::1", 8000),
                "upstream_remote_address": socket("10.0.0.2", 80),
                "upstream_cluster": "orders",
                "upstream_transport_failure_reason": "tls",
                "upstream_request_attempt_count": 2,
                "response_flags": {"no_healthy_upstream": True, "unauthorized_details": {}},
                "route_name": "route-of-envoy",
                "tls_properties": {
                    "tls_version": "TLSv1_3",
                    "tls_sni_hostname": "api.example.com",
                    "peer_certificate_properties": CERTIFICATE,
                },
                "custom_tags": {"env": "prod"},
            },
            request={
                "original_path": "/v1/items",
                "user_agent": "curl",
                "referer": "https://r",
                "forwarded_for": "1.1.1.1",
                "request_id": "r-1",
                "request_headers_bytes": 1,
                "request_body_bytes": 2,
                "request_headers": {"Accept": "*/*", ":path": "/items?x=1"},
            },
            response={
                "response_headers": {"Content-Type": "text/plain"},
                "response_headers_bytes": 3,
                "response_body_bytes": 4,
                "response_code_details": "via_upstream",
            },
        )
    )
    assert record == AccessRecord(
        started=START,
        duration=120_000_000,
        request_read=1_000_000,
        upstream_first_byte=50_000_000,
        upstream_last_byte=60_000_000,
        method="GET",
        scheme="https",
        authority="api.example.com",
        path="/items?x=1",
        original_path="/v1/items",
        protocol="HTTP/1.1",
        request_id="r-1",
        request_headers={
            "accept": "*/*",
            "host": "api.example.com",
            "user-agent": "curl",
            "referer": "https://r",
            "x-forwarded-for": "1.1.1.1",
            "x-request-id": "r-1",
        },
        request_headers_size=1,
        request_body_size=2,
        tls_version="TLSv1.3",
        server_name="api.example.com",
        peer_subject="CN=billing,O=acme",
        peer_uris=("spiffe://acme/billing",),
        client_address="203.0.113.5",
        peer_address="10.0.0.9",
        local_address="[::1]:8000",
        status=200,
        response_headers={"content-type": "text/plain"},
        response_headers_size=3,
        response_body_size=4,
        code_details="via_upstream",
        flags=("UH", "UAEX"),
        route="route-of-envoy",
        upstream_cluster="orders",
        upstream_address="10.0.0.2",
        upstream_failure="tls",
        attempts=2,
        tags={"env": "prod"},
    )


def test_the_verdict_is_what_authsvc_said() -> None:
    metadata = said(
        result="deny",
        reason="unknown_key",
        consumer_id="c",
        username="u",
        custom_id="",
        anonymous=True,
        user_id=7,
        company_id=None,
        blocked_by="rule",
        ext_authz_duration=3,
    )
    verdict = record_of(entry(common=metadata)).verdict
    assert verdict is not None
    assert (verdict.result, verdict.reason, verdict.blocked_by) == ("deny", "unknown_key", "rule")
    assert (verdict.consumer_id, verdict.username, verdict.custom_id) == ("c", "u", None)
    assert verdict.anonymous
    assert (verdict.user_id, verdict.company_id) == (None, None)
    assert record_of(entry()).verdict is None


@pytest.mark.parametrize(("sent", "meant"), [("true", True), ("false", False), (False, False)])
def test_a_verdict_over_http_is_text_and_means_the_same(sent: object, meant: bool) -> None:
    verdict = record_of(entry(common=said(result="allow", anonymous=sent))).verdict
    assert verdict is not None
    assert verdict.anonymous is meant


def test_the_host_is_the_one_that_the_client_asked() -> None:
    rewritten = entry(common=said(result="allow", authority="api.test"))
    record = record_of(rewritten)
    assert (record.authority, record.request_headers["host"]) == ("api.test", "api.test")


def test_the_route_of_the_verdict_wins() -> None:
    named = entry(common={"route_name": "envoys"} | said(route="ours", service="billing"))
    assert (record_of(named).route, record_of(named).service) == ("ours", "billing")
    unnamed = entry(common={"route_name": "envoys"} | said(result="allow"))
    assert (record_of(unnamed).route, record_of(unnamed).service) == ("envoys", None)


def test_an_unusual_method_comes_from_the_pseudo_header() -> None:
    request = {"request_method": None, "request_headers": {":method": "PROPFIND"}}
    assert record_of(entry(request=request)).method == "PROPFIND"


GRPC_STATUS = {
    "trailers": ({"response_trailers": {"grpc-status": "5"}}, 5),
    "a refused call has headers only": ({"response_headers": {"grpc-status": "16"}}, 16),
    "trailers come last": (
        {"response_headers": {"grpc-status": "0"}, "response_trailers": {"grpc-status": "13"}},
        13,
    ),
    "no number": ({"response_trailers": {"grpc-status": "a lot"}}, None),
    "digits of another script": ({"response_trailers": {"grpc-status": "٣"}}, None),
    "not gRPC": ({}, None),
}


@pytest.mark.parametrize(("response", "expected"), GRPC_STATUS.values(), ids=GRPC_STATUS)
def test_the_grpc_status_comes_from_trailers_or_headers(
    response: dict[str, object], expected: int | None
) -> None:
    assert record_of(entry(response=response)).grpc_status == expected


@pytest.mark.parametrize(
    "kind", [name for name, _ in AccessLogType.items() if name not in {"NotSet", "DownstreamEnd"}]
)
def test_an_entry_about_a_request_that_goes_on_is_none(kind: str) -> None:
    decoded = decode(message(entry(common={"access_log_type": kind}), entry()))
    assert (len(decoded.records), decoded.unfinished) == (1, 1)


def test_old_envoys_mark_such_entries_in_another_way() -> None:
    marked = entry(common={"intermediate_log_entry": True})
    assert decode(message(marked)).unfinished == 1


def test_the_sender_is_in_the_first_message_only() -> None:
    first = decode(message(entry(), node="envoy-1"))
    assert first.sender == Sender(node="envoy-1", log_name="analytics")
    assert decode(message(entry())).sender is None


def test_a_client_that_left_got_no_status() -> None:
    assert record_of(entry(response={"response_code": None})).status is None
    assert record_of(entry(response={"response_code": 0})).status is None


def test_times_that_cannot_be_are_not_believed() -> None:
    built = entry()
    built.common_properties.start_time.seconds = 2**62
    built.common_properties.duration.seconds = -5
    record = record_of(built)
    assert (record.started, record.duration) == (NOW, None)
    assert record_of(entry(common={"start_time": None})).started == NOW


def test_a_password_before_the_host_is_left_out() -> None:
    record = record_of(entry(request={"authority": "user:pw@api.example.com"}))
    assert record.authority == record.request_headers["host"] == "api.example.com"


def test_a_sender_that_cannot_be_read_costs_no_entry() -> None:
    built = message(entry(), node="damaged").replace(b"damaged", b"\xff\xfemaged")
    decoded = decode(built)
    assert (decoded.sender, len(decoded.records), decoded.malformed) == (None, 1, 0)


def test_one_bad_entry_costs_that_entry_only() -> None:
    built = message(entry(), entry(request={"user_agent": "damaged"}), entry())
    decoded = decode(built.replace(b"damaged", b"\xff\xfemaged"))
    assert (len(decoded.records), decoded.malformed) == (2, 1)


def test_a_large_message_comes_in_portions() -> None:
    built = message(*[entry(request={"path": f"/{n}"}) for n in range(2 * PORTION + 1)], node="e")
    portions = list(Decoder().decode(built, received=NOW))
    assert [len(portion.records) for portion in portions] == [PORTION, PORTION, 1]
    paths = [record.path for portion in portions for record in portion.records]
    assert paths == [f"/{n}" for n in range(2 * PORTION + 1)]
    assert {portion.sender for portion in portions} == {Sender(node="e", log_name="analytics")}


def test_a_message_that_is_cut_off_is_one_loss() -> None:
    decoded = decode(message(entry())[:-1])
    assert (decoded.records, decoded.malformed) == ([], 1)


def test_a_message_for_tcp_has_nothing_for_us() -> None:
    built = StreamAccessLogsMessage()
    built.tcp_logs.log_entry.add().common_properties.route_name = "r"
    decoded = decode(built.SerializeToString())
    assert (decoded.records, decoded.unfinished, decoded.malformed) == ([], 0, 0)


@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_raise(data: bytes) -> None:
    decoded = decode(data)
    assert decoded.malformed <= max(1, len(data))


@given(st.data())
def test_damaged_messages_never_raise(data: st.DataObject) -> None:
    built = bytearray(message(entry(), entry(common=said(username="u")), entry(), node="envoy-1"))
    for _ in range(data.draw(st.integers(1, 5))):
        position = data.draw(st.integers(0, len(built) - 1))
        built[position] = data.draw(st.integers(0, 255))
    decode(bytes(built))


def test_the_way_that_a_build_reads_is_the_quicker_one_there() -> None:
    kind = EntryWire if BUILD == "compiled" else EntryReader
    assert type(quicker_reader()) is kind


def test_health_is_spoken_as_the_protocol_has_it() -> None:
    asked = HealthCheckRequest(service="x").SerializeToString()
    assert decode_health_request(asked) == "x"
    assert decode_health_request(b"\xff") is None
    statuses = [
        HealthCheckResponse.FromString(encode_health(serving=serving)).status
        for serving in (True, False, None)
    ]
    names = [HealthCheckResponse.ServingStatus.Name(status) for status in statuses]
    assert names == ["SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"]
