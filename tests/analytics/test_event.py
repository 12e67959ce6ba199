import json
from typing import Any

import pytest

from analytics.config_fields import parse_moesif_config
from analytics.event import EventMaker, can_be_event, timestamp
from analytics.masking import CredentialNames
from analytics.record import AccessRecord, Sender
from tests.fakes.records import record, verdict

ID = "b8e1c1c2-1111-4a2b-9c3d-000000000001"
KEY = "k3y-that-nobody-may-see"


def make(built: AccessRecord, *, sender: Sender | None = None, **config: Any) -> dict[str, Any]:
    parsed = parse_moesif_config({"application_id": "app"} | config)
    maker = EventMaker(parsed, CredentialNames(["my-key"]))
    event: dict[str, Any] = json.loads(maker.make(built, sender or Sender(), ID))
    return event


def test_an_event_is_what_the_api_wants() -> None:
    built = record(
        path="/items?x=1",
        request_headers={"accept": "*/*", "host": "api.example.com"},
        response_headers={"content-type": "application/json"},
        upstream_address="10.0.0.2",
        verdict=verdict(username="alice", company_id="acme", blocked_by="rule-1"),
    )
    event = make(built)
    del event["metadata"]
    assert event == {
        "request": {
            "time": "2024-10-30T04:45:42.005Z",
            "uri": "https://api.example.com/items?x=1",
            "verb": "GET",
            "headers": {"accept": "*/*", "host": "api.example.com"},
            "api_version": "1.0",
            "ip_address": "203.0.113.5",
        },
        "response": {
            "time": "2024-10-30T04:45:42.125Z",
            "status": 200,
            "headers": {"content-type": "application/json"},
            "ip_address": "10.0.0.2",
        },
        "user_id": "alice",
        "company_id": "acme",
        "transaction_id": ID,
        "direction": "Incoming",
        "weight": 1,
        "blocked_by": "rule-1",
    }


def test_what_is_not_known_is_left_out() -> None:
    event = make(record(status=None, client_address=""), api_version="")
    assert set(event) == {"request", "transaction_id", "direction", "weight", "metadata"}
    assert event["request"] == {
        "time": "2024-10-30T04:45:42.005Z",
        "uri": "https://api.example.com/items",
        "verb": "GET",
        "headers": {},
        "ip_address": "0.0.0.0",
    }


def test_the_metadata_say_what_envoy_and_authsvc_know() -> None:
    built = record(
        route="orders",
        service="shop",
        upstream_cluster="shop-v2",
        protocol="HTTP/2",
        flags=("UH",),
        code_details="no_healthy_upstream",
        upstream_failure="tls",
        attempts=2,
        request_read=1_000_000,
        upstream_first_byte=50_500_000,
        upstream_last_byte=60_000_000,
        request_headers_size=1,
        request_body_size=2,
        response_headers_size=3,
        response_body_size=4,
        request_id=ID,
        tls_version="TLSv1.3",
        server_name="api.example.com",
        peer_subject="CN=billing",
        peer_uris=("spiffe://acme/billing",),
        tags={"env": "prod"},
        verdict=verdict(consumer_id="c", username="u", credential_id="k", anonymous=True),
    )
    event = make(built, sender=Sender(node="envoy-1", cluster="edge", log_name="analytics"))
    assert event["metadata"] == {
        "route": "orders",
        "service": "shop",
        "cluster": "shop-v2",
        "consumer": {"id": "c", "username": "u", "credential_id": "k", "anonymous": True},
        "result": "allow",
        "reason": "ok",
        "protocol": "HTTP/2",
        "response_flags": ["UH"],
        "response_code_details": "no_healthy_upstream",
        "upstream_failure": "tls",
        "attempts": 2,
        "duration_ms": 120.0,
        "request_read_ms": 1.0,
        "upstream_first_byte_ms": 50.5,
        "upstream_last_byte_ms": 60.0,
        "request_headers_bytes": 1,
        "request_body_bytes": 2,
        "response_headers_bytes": 3,
        "response_body_bytes": 4,
        "request_id": ID,
        "tls_version": "TLSv1.3",
        "server_name": "api.example.com",
        "peer_subject": "CN=billing",
        "peer_uris": ["spiffe://acme/billing"],
        "node": "envoy-1",
        "log_name": "analytics",
        "tags": {"env": "prod"},
    }


def test_metadata_of_the_configuration_are_in_every_event_and_go_before_ours() -> None:
    metadata = make(record(route="orders"), metadata={"route": "mine", "region": {"name": "eu"}})
    assert metadata["metadata"]["route"] == "mine"
    assert metadata["metadata"]["region"] == {"name": "eu"}


def test_the_credentials_id_is_the_session_and_the_key_is_not() -> None:
    assert make(record(verdict=verdict(credential_id="k-1")))["session_token"] == "k-1"
    assert "session_token" not in make(record(request_headers={"authorization": "Bearer x"}))


def test_a_request_tells_the_version_of_the_api() -> None:
    told = record(request_headers={"x-api-version": "2"})
    assert make(told, api_version_header="X-Api-Version")["request"]["api_version"] == "2"
    assert make(record(), api_version_header="X-Api-Version")["request"]["api_version"] == "1.0"
    assert make(told)["request"]["api_version"] == "1.0"


def test_a_key_is_no_version() -> None:
    told = record(request_headers={"my-key": KEY})
    assert KEY not in repr(make(told, api_version_header="My-Key"))


def test_the_direction_is_that_of_the_configuration_or_of_the_log() -> None:
    egress = Sender(log_name="egress")
    assert make(record(), sender=egress)["direction"] == "Incoming"
    assert make(record(), direction="Internal")["direction"] == "Internal"
    assert make(record(), sender=egress, outgoing_log_names=["egress"])["direction"] == "Outgoing"


def test_the_trace_of_a_request_is_that_of_its_event() -> None:
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    event = make(record(request_headers={"b3": f"{trace}-{span}-1-{span}"}))
    assert event["trace_id"] == event["metadata"]["trace_id"] == trace
    assert event["span"] == {"id": span, "parent_id": span}
    assert event["metadata"]["span_id"] == span


def test_tags_of_the_log_name_the_subscription_and_the_action() -> None:
    tags = {"subscription_id": "sub-1", "action_name": "Order", "env": "prod"}
    event = make(record(tags=tags))
    assert (event["subscription_id"], event["action_name"]) == ("sub-1", "Order")
    assert event["metadata"]["tags"] == tags


URIS: dict[str, tuple[dict[str, Any], str]] = {
    "rewritten": ({"original_path": "/v1?x"}, "https://api.example.com/v1?x"),
    "no path": ({"path": ""}, "https://api.example.com/"),
    "all of the server": ({"path": "*"}, "https://api.example.com/*"),
    "no host": ({"authority": "", "local_address": "10.0.0.1:80"}, "https://10.0.0.1:80/items"),
    "absolute": ({"path": "http://other/x"}, "http://other/x"),
    "scheme of a proxy": (
        {"scheme": "", "request_headers": {"x-forwarded-proto": "http"}},
        "http://api.example.com/items",
    ),
    "no such scheme": (
        {"scheme": "", "request_headers": {"x-forwarded-proto": "javascript"}},
        "http://api.example.com/items",
    ),
    "TLS": ({"scheme": "", "tls_version": "TLSv1.2"}, "https://api.example.com/items"),
    "a URL in the query": (
        {"path": "/?next=http://x"},
        "https://api.example.com/?next=http://x",
    ),
}


@pytest.mark.parametrize(("members", "uri"), URIS.values(), ids=URIS)
def test_the_uri_is_complete(members: dict[str, Any], uri: str) -> None:
    assert make(record(**members))["request"]["uri"] == uri


TIMES = {
    0: "1970-01-01T00:00:00.000Z",
    1_730_263_542_007_999_999: "2024-10-30T04:45:42.007Z",
    1_730_263_542_999_999_999: "2024-10-30T04:45:42.999Z",
    2**33 * 10**9: "2242-03-16T12:56:32.000Z",
}


@pytest.mark.parametrize(("nanoseconds", "text"), TIMES.items(), ids=TIMES.values())
def test_times_are_cut_to_milliseconds(nanoseconds: int, text: str) -> None:
    assert timestamp(nanoseconds) == text


GRPC = {"content-type": "application/grpc+proto"}
GRPC_STATUS: dict[str, tuple[dict[str, Any], int | None]] = {
    "logged": ({"grpc_status": 5}, 5),
    "logged, although denied": ({"grpc_status": 13, "verdict": verdict(result="deny")}, 13),
    "denied": ({"verdict": verdict(result="deny")}, 16),
    "denied to a consumer": ({"verdict": verdict(result="deny", consumer_id="c")}, 7),
    "an outage": ({"verdict": verdict(result="error")}, 14),
    "allowed": ({"verdict": verdict()}, None),
    "not asked": ({}, None),
}


@pytest.mark.parametrize(("members", "expected"), GRPC_STATUS.values(), ids=GRPC_STATUS)
def test_a_grpc_call_has_its_own_status(members: dict[str, Any], expected: int | None) -> None:
    event = make(record(request_headers=GRPC, **members))
    assert event["metadata"].get("grpc_status") == expected


def test_a_denied_call_over_http_has_no_grpc_status() -> None:
    assert "grpc_status" not in make(record(verdict=verdict(result="deny")))["metadata"]


def test_a_key_is_nowhere_in_an_event() -> None:
    built = record(
        path=f"/?apikey={KEY}&a=1",
        original_path=f"/?b=2&%6dy_key={KEY}",
        status=401,
        request_headers={
            "apikey": KEY,
            "my-key": KEY,
            "authorization": f"Bearer {KEY}",
            "cookie": f"session={KEY}",
            "referer": f"https://h/?apikey={KEY}",
            "x-envoy-original-path": f"/?apikey={KEY}",
        },
        response_headers={"set-cookie": f"s={KEY}", "location": f"/?my-key={KEY}"},
        tags={"apikey": KEY, "path": f"/?apikey={KEY}"},
        verdict=verdict(result="deny", reason="unknown_key"),
    )
    event = make(built, user_id_header="apikey", company_id_header="my_key")
    assert KEY not in repr(event)
    assert event["request"]["uri"] == "https://api.example.com/?b=2&%6dy_key=*****"


def test_who_is_known_by_a_masked_header_stays_known() -> None:
    headers = {"x-user": "alice", "x-forwarded-for": "192.0.2.1"}
    event = make(
        record(request_headers=headers),
        user_id_header="x-user",
        trust_client_ip_headers=True,
        request_header_masks=["x-user", "x-forwarded-for"],
    )
    assert event["user_id"] == "alice"
    assert event["request"]["ip_address"] == "192.0.2.1"
    assert event["request"]["headers"] == {}


def test_a_connection_without_a_request_is_no_event() -> None:
    assert can_be_event(record(path=""))
    assert can_be_event(record(authority=""))
    assert not can_be_event(record(authority="", path="", status=400))
