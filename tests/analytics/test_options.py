"""Every option of the plugin does what the documentation says: seen in what the collector gets."""

import base64
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from analytics.collector import Answer, Payload, Target
from analytics.config_fields import CONFIG_FIELDS, parse_moesif_config
from analytics.instruction_book import InstructionBook
from analytics.metrics import DropReason, SkipReason
from analytics.pipeline import Pipeline
from analytics.routing import ScopedConfig
from tests.deadline import eventually
from tests.fakes.body_messages import (
    ID,
    TIME,
    request_body,
    request_headers,
    response_body,
    response_headers,
)
from tests.fakes.counting_metrics import CountingMetrics
from tests.fakes.documents import CountingInstructions, ScriptedSource
from tests.fakes.envoy_log import entry, message

TESTS = Path(__file__).parents[1]
APP = {"application_id": "APP"}


def token(**claims: str) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{encoded}.c2ln"


REQUEST_HEADERS = {
    "authorization": f"Bearer {token(sub='of-token', uid='of-claim', org='org-of-claim')}",
    "x-token": token(sub="of-x-token"),
    "x-user": "of-header",
    "x-org": "org-of-header",
    "x-consumer-username": "of-consumer-header",
    "x-forwarded-for": "198.51.100.7",
    "x-version": "7",
    "user-agent": "kube-probe/1",
}
RESPONSE_HEADERS = {"x-plain": "1"}
CERTIFICATE = {
    "subject": "CN=of-subject",
    "subject_alt_name": [{"uri": "spiffe://org-of-certificate"}],
}
CLAIMS = {"verified": {"sub": "of-jwt-authn"}}
CALL = entry(
    common={
        "start_time": TIME,
        "metadata": {"filter_metadata": {"envoy.filters.http.jwt_authn": CLAIMS}},
        "tls_properties": {"peer_certificate_properties": CERTIFICATE},
    },
    request={"request_id": ID, "path": "/items?a=1&page=2", "request_headers": REQUEST_HEADERS},
    response={"response_headers": RESPONSE_HEADERS},
)
SAID = b'{"a":1,"word":"w"}'
PACKED = gzip.compress(SAID, mtime=0)


@dataclass
class Sent:
    """What a pipeline of one configuration sent of two calls that are alike."""

    answer: Answer = field(default_factory=lambda: Answer(201))
    metrics: CountingMetrics = field(default_factory=CountingMetrics)
    payloads: list[tuple[Payload, Target]] = field(default_factory=list)

    async def send(self, payload: Payload, target: Target) -> Answer:
        """Take a batch, as the collector's client does."""
        self.payloads.append((payload, target))
        return self.answer

    @property
    def target(self) -> Target:
        return self.payloads[0][1]

    @property
    def event(self) -> dict[str, Any]:
        payload, _ = self.payloads[0]
        opened = gzip.decompress(payload.body) if payload.encoding else payload.body
        event: dict[str, Any] = json.loads(opened)[0]
        return event

    @property
    def request(self) -> dict[str, Any]:
        found: dict[str, Any] = self.event["request"]
        return found

    @property
    def response(self) -> dict[str, Any]:
        found: dict[str, Any] = self.event["response"]
        return found


async def sent(config: Mapping[str, Any], *, answer: int = 201) -> Sent:
    """Return what is sent of two calls, the first with bodies; they are sent when it is left."""
    seen = Sent(Answer(answer))
    async with Pipeline(collector=seen, metrics=seen.metrics, stop_seconds=0.2) as pipeline:
        scope = ScopedConfig(parse_moesif_config(APP | config))
        pipeline.configure([scope], credential_names=["apikey"])
        show_bodies(pipeline)
        stream = pipeline.open_stream()
        stream.accept(message(CALL, entry(request={"path": "/second"}), node="envoy"))
    return seen


def show_bodies(pipeline: Pipeline) -> None:
    json_type = {"content-type": "application/json"}
    stream = pipeline.bodies.open_stream()
    for each in (
        request_headers(json_type | {"content-encoding": "gzip"}),
        request_body(PACKED),
        response_headers(json_type),
        response_body(SAID),
    ):
        stream.accept(each)
    stream.close()


@dataclass(frozen=True)
class Effect:
    """What an option's value changes: what is read of it, by default and with the value.

    With ``beside`` other options as they have to be for it to matter, in both cases.
    """

    value: Any
    read: Callable[[Sent], Any]
    before: Any
    after: Any
    beside: Mapping[str, Any] = field(default_factory=dict)


NOBODY = {"authorization_header_name": "x-none"}
BODY = {"a": 1, "word": "w"}
EFFECTS = {
    "application_id": Effect("OTHER", lambda it: it.target.application_id.reveal(), "APP", "OTHER"),
    "api_endpoint": Effect(
        "http://a.test/prefix/",
        lambda it: it.target.endpoint,
        "https://api.moesif.net",
        "http://a.test/prefix",
    ),
    "connect_timeout": Effect(7, lambda it: it.target.connect_timeout, 1.0, 0.007),
    "send_timeout": Effect(7, lambda it: it.target.send_timeout, 5.0, 0.007),
    "batch_size": Effect(1, lambda it: len(it.payloads), 1, 2),
    "enable_compression": Effect(True, lambda it: it.payloads[0][0].encoding, None, "gzip"),
    "api_version": Effect("9", lambda it: it.request["api_version"], "1.0", "9"),
    "api_version_header": Effect("X-Version", lambda it: it.request["api_version"], "1.0", "7"),
    "metadata": Effect({"team": 1}, lambda it: it.event["metadata"].get("team"), None, 1),
    "direction": Effect("Internal", lambda it: it.event["direction"], "Incoming", "Internal"),
    "outgoing_log_names": Effect(
        ["analytics"], lambda it: it.event["direction"], "Incoming", "Outgoing"
    ),
    "skip": Effect(
        [{"user_agent": "^kube-probe", "path": "^/items$", "method": "GET", "status": "^2"}],
        lambda it: it.metrics.skips[SkipReason.SKIP_RULE],
        0,
        1,
    ),
    "request_header_masks": Effect(
        ["X-Version"], lambda it: "x-version" in it.request["headers"], True, False
    ),
    "response_header_masks": Effect(
        ["X_Plain"], lambda it: "x-plain" in it.response["headers"], True, False
    ),
    "request_query_masks": Effect(
        ["page"], lambda it: it.request["uri"].partition("?")[2], "a=1&page=2", "a=1&page=*****"
    ),
    "disable_credential_masking": Effect(
        True, lambda it: it.request["headers"]["authorization"] == "*****", True, False
    ),
    "trust_client_ip_headers": Effect(
        True, lambda it: it.request["ip_address"], "203.0.113.5", "198.51.100.7"
    ),
    "user_id_header": Effect("X_User", lambda it: it.event["user_id"], "of-token", "of-header"),
    "company_id_header": Effect(
        "x-org", lambda it: it.event.get("company_id"), None, "org-of-header"
    ),
    "authorization_header_name": Effect(
        "X-Token, authorization", lambda it: it.event["user_id"], "of-token", "of-x-token"
    ),
    "authorization_user_id_field": Effect(
        "uid", lambda it: it.event["user_id"], "of-token", "of-claim"
    ),
    "authorization_company_id_field": Effect(
        "org", lambda it: it.event.get("company_id"), None, "org-of-claim"
    ),
    "trust_consumer_headers": Effect(
        True, lambda it: it.event.get("user_id"), None, "of-consumer-header", NOBODY
    ),
    "jwt_payload_in_metadata": Effect(
        "verified", lambda it: it.event.get("user_id"), None, "of-jwt-authn", NOBODY
    ),
    "user_id_certificate_field": Effect(
        "subject.CN", lambda it: it.event.get("user_id"), None, "of-subject", NOBODY
    ),
    "company_id_certificate_field": Effect(
        "uri_san", lambda it: it.event.get("company_id"), None, "spiffe://org-of-certificate"
    ),
    "disable_capture_request_body": Effect(True, lambda it: it.request.get("body"), BODY, None),
    "disable_capture_response_body": Effect(True, lambda it: it.response.get("body"), BODY, None),
    "request_max_body_size_limit": Effect(
        len(PACKED) - 1, lambda it: it.request.get("body"), BODY, None
    ),
    "response_max_body_size_limit": Effect(
        len(SAID) - 1, lambda it: it.response.get("body"), BODY, None
    ),
    "request_body_masks": Effect(["word"], lambda it: it.request["body"], BODY, {"a": 1}),
    "response_body_masks": Effect(["word"], lambda it: it.response["body"], BODY, {"a": 1}),
    "request_masks": Effect(["word"], lambda it: it.request["body"], BODY, {"a": 1}),
    "response_masks": Effect(["word"], lambda it: it.response["body"], BODY, {"a": 1}),
    "disable_gzip_payload_decompression": Effect(
        True, lambda it: it.request["body"], BODY, base64.b64encode(PACKED).decode()
    ),
}
# They show in what authsvc does, in time, or while the collector is away: where that is tested.
ELSEWHERE = {
    "batch_max_wait": "analytics/test_options.py",
    "event_queue_size": "analytics/test_options.py",
    "config_refresh_interval": "analytics/test_options.py",
    "max_send_rate": "analytics/test_pipeline.py",
    "disable_transaction_id": "e2e/test_transaction_ids.py",
    "user_id_from": "e2e/test_transaction_ids.py",
    "company_id_from": "e2e/test_transaction_ids.py",
    "sync_consumers": "e2e/test_consumer_sync.py",
    "enable_governance": "e2e/test_rules.py",
}
WITHOUT_EFFECT = {"timeout": 1, "keepalive": 1, "max_callback_time_spent": 1, "debug": True}


def test_there_is_a_test_of_every_option() -> None:
    assert sorted([*EFFECTS, *ELSEWHERE, *WITHOUT_EFFECT]) == sorted(CONFIG_FIELDS)
    for option, path in ELSEWHERE.items():
        assert option in (TESTS / path).read_text(), path


@pytest.mark.parametrize("option", EFFECTS)
async def test_an_option_shows(option: str) -> None:
    effect = EFFECTS[option]
    without = await sent(effect.beside)
    with_it = await sent({**effect.beside, option: effect.value})
    assert (effect.read(without), effect.read(with_it)) == (effect.before, effect.after)


async def test_what_is_kept_for_kong_changes_nothing() -> None:
    plain, given = await sent({}), await sent(WITHOUT_EFFECT)
    assert plain.target == given.target
    assert without_ids(plain.event) == without_ids(given.event)


def without_ids(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "transaction_id"}


async def test_of_more_events_than_may_wait_the_oldest_go() -> None:
    all_wait = await sent({}, answer=503)
    one_waits = await sent({"event_queue_size": 1}, answer=503)
    dropped = (all_wait.metrics.drops, one_waits.metrics.drops)
    assert [drops[DropReason.QUEUE_FULL] for drops in dropped] == [0, 1]
    assert one_waits.event["request"]["uri"].endswith("/second")


async def test_a_batch_goes_when_it_has_waited_long_enough() -> None:
    seen = Sent()
    async with Pipeline(collector=seen, metrics=seen.metrics) as pipeline:
        soon = ScopedConfig(parse_moesif_config(APP | {"batch_max_wait": 10}), route="soon")
        late = ScopedConfig(
            parse_moesif_config({"application_id": "B"} | {"batch_max_wait": 60000})
        )
        pipeline.configure([soon, late], credential_names=[])
        stream = pipeline.open_stream()
        stream.accept(message(entry(), entry(common={"route_name": "soon"})))
        await eventually(lambda: seen.payloads, "the batch that waits less")
        assert [target.application_id.reveal() for _, target in seen.payloads] == ["APP"]


async def test_of_those_that_share_an_id_the_shortest_refresh_counts() -> None:
    intervals = (60_000, 5_000, 30_000)
    async with InstructionBook(source=ScriptedSource(), metrics=CountingInstructions()) as book:
        book.configure(
            ScopedConfig(
                parse_moesif_config(APP | {"config_refresh_interval": interval}),
                route=str(interval),
            )
            for interval in intervals
        )
        (follower,) = book._followers.values()
        assert follower._settings.interval == 5.0
