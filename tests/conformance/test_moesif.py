"""The cases of ``moesif.json``, from the bytes that Envoy sends to what a collector gets.

Run are the kinds identify, client_ip, masking, event and delivery; sampling, governance and
bodies have files of their own.
"""

import fnmatch
import ipaddress
import json
import re
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry

from analytics.config_fields import parse_moesif_config
from analytics.metrics import DropReason
from analytics.moesif import MoesifCollector
from analytics.pipeline import STOP_SECONDS, LogStream, Pipeline
from analytics.routing import ScopedConfig
from analytics.shelves import Shelves
from analytics.spool import SpoolLimits
from tests.deadline import eventually
from tests.fakes.collector import Answer, Collector, Hang, Reply
from tests.fakes.counting_metrics import CountingMetrics
from tests.fakes.envoy_log import entry, from_json, message, said, socket

Case = dict[str, Any]

CASES: list[Case] = [
    case
    for case in json.loads((Path(__file__).parent / "moesif.json").read_text())
    if case.get("group") != "bodies"
]


def test_most_cases_are_run() -> None:
    kinds = {"identify", "client_ip", "masking", "event", "delivery"}
    assert sum(case["kind"] in kinds for case in CASES) >= 80


def of_kind(kind: str) -> Any:
    """Return the decorator that runs a test for every case of a kind."""
    cases = [case for case in CASES if case["kind"] == kind]
    return pytest.mark.parametrize("case", cases, ids=[case["id"] for case in cases])


ROUTE = "the-route"
# What a harness in front of Envoy sends as headers of these names, Envoy logs in fields.
_OWN_FIELDS = {
    "user-agent": "user_agent",
    "referer": "referer",
    "x-forwarded-for": "forwarded_for",
    "x-request-id": "request_id",
}
_CONSUMER = {
    "x-consumer-id": "consumer_id",
    "x-consumer-username": "username",
    "x-consumer-custom-id": "custom_id",
}


def logged(
    request_headers: dict[str, str],
    response_headers: dict[str, str] | None = None,
    *,
    common: dict[str, Any] | None = None,
    **request: Any,
) -> HTTPAccessLogEntry:
    """Return the entry that Envoy writes about a request with these headers."""
    lowered = {name.lower(): value for name, value in request_headers.items()}
    own = {_OWN_FIELDS[name]: lowered.pop(name) for name in _OWN_FIELDS if name in lowered}
    return entry(
        common={"route_name": ROUTE} | (common or {}),
        request={"request_headers": lowered} | own | request,
        response={
            "response_headers": {
                name.lower(): value for name, value in (response_headers or {}).items()
            }
        },
    )


@asynccontextmanager
async def product(
    config: dict[str, Any],
    collector: Collector,
    metrics: CountingMetrics | None = None,
    *,
    stop_seconds: float = STOP_SECONDS,
    shelves: Shelves | None = None,
) -> AsyncIterator[LogStream]:
    """Yield a stream into a pipeline that is configured for the route; leaving stops it."""
    given = {"application_id": "APP", "api_endpoint": collector.url} | config
    scope = ScopedConfig(parse_moesif_config(given), route=ROUTE)
    async with (
        MoesifCollector() as client,
        Pipeline(
            collector=client,
            metrics=metrics or CountingMetrics(),
            stop_seconds=stop_seconds,
            shelves=shelves,
        ) as pipeline,
    ):
        pipeline.configure([scope], credential_names=[])
        yield pipeline.open_stream()


async def events_of(config: dict[str, Any], built: HTTPAccessLogEntry) -> list[dict[str, Any]]:
    """Return what becomes of one entry."""
    async with Collector() as collector:
        async with product(config, collector) as stream:
            stream.accept(message(built))
        return collector.events


@of_kind("identify")
async def test_identify(case: Case) -> None:
    headers = dict(case["request_headers"])
    common: dict[str, Any] = {}
    if case.get("consumer_headers") != "logged":
        consumer = {_CONSUMER[name]: headers.pop(name) for name in _CONSUMER if name in headers}
        common = said(result="allow", **consumer)
    built = logged(headers, case.get("response_headers"), common=common)
    (event,) = await events_of(case["config"], built)
    found = {name: event.get(name) for name in ("user_id", "company_id")}
    assert found == case["expect"]


@of_kind("client_ip")
async def test_client_ip(case: Case) -> None:
    seen = {"downstream_remote_address": socket(case["remote_addr"])}
    built = logged(case["request_headers"], common=seen)
    (event,) = await events_of({"trust_client_ip_headers": True} | case["config"], built)
    found = ipaddress.ip_address(event["request"]["ip_address"])
    assert found == ipaddress.ip_address(case["expect"]["ip_address"])


@of_kind("masking")
async def test_masking(case: Case) -> None:
    given = case["input"]
    sent = given.get("request_headers", {}), given.get("response_headers", {})
    (event,) = await events_of(case["config"], logged(*sent, path=given.get("path", "/")))
    for part, headers in zip(("request", "response"), sent, strict=True):
        if f"{part}_headers" in case["expect"]:
            names = {name.lower() for name in headers}
            shown = {name: text for name, text in event[part]["headers"].items() if name in names}
            assert shown == case["expect"][f"{part}_headers"]
    if "path" in case["expect"]:
        assert event["request"]["uri"] == "https://api.example.com" + case["expect"]["path"]


@of_kind("event")
async def test_event(case: Case) -> None:
    text = json.dumps(case["als_entry"]).replace("$ROUTE", ROUTE)
    als_entry = json.loads(text)
    als_entry["common_properties"].setdefault("route_name", ROUTE)
    events = await events_of(case["config"], from_json(als_entry))
    expected = case["expect"].get("event", {})
    if expected is None:
        assert events == []
        return
    (event,) = events
    assert_part_of(event, expected)
    for path, pattern in case["expect"].get("regex", {}).items():
        assert re.search(pattern, member(event, path)), path


def assert_part_of(actual: Any, expected: Any) -> None:
    """Compare the members that are expected; null is an absent one."""
    if not isinstance(expected, dict):
        assert actual == expected
        return
    for name, value in expected.items():
        if value is None:
            assert name not in actual
        else:
            assert_part_of(actual[name], value)


def member(event: dict[str, Any], path: str) -> Any:
    found: Any = event
    for name in path.split("."):
        found = found[name]
    return found


# --- delivery

POISON = "/poison"


class Run:
    """One scenario: what was sent, what came of it."""

    def __init__(self, case: Case, directory: Path) -> None:
        self._shelves = Shelves(
            directory, key=bytes(32), limits=SpoolLimits(size=10_000_000, age=3600.0)
        )
        self.config = {"application_id": "APP"} | case["config"]
        self.expect: dict[str, Any] = case["expect"]
        self.scenario: dict[str, Any] = case["scenario"]
        self.metrics = CountingMetrics()
        self.gate_is_open = False
        self.collector = Collector(*self._script())

    @property
    def is_away(self) -> bool:
        return self.scenario["collector"] == ["refused"]

    def entries(self) -> list[HTTPAccessLogEntry]:
        paths = [f"/{number}" for number in range(self.scenario["events"])]
        for poisoned in range(self.scenario.get("poison_events", 0)):
            paths[poisoned * 7 + 3] = f"{POISON}{poisoned}"
        return [logged({}, path=path, request_id=str(uuid.uuid4())) for path in paths]

    async def happen(self) -> None:
        """Let the scenario happen, to its end."""
        if self.is_away:
            await self.collector.stop()
        stop_seconds = 0 if self.is_away else STOP_SECONDS
        async with product(
            self.config,
            self.collector,
            self.metrics,
            stop_seconds=stop_seconds,
            shelves=self._shelves,
        ) as stream:
            stream.accept(message(*self.entries()))
            self.gate_is_open = True
            if self.is_away:
                self.queued = self.metrics.events_waiting
                self.dropped_while_away = self.metrics.drops[DropReason.QUEUE_FULL]
            elif "then" not in self.scenario:
                await eventually(self._is_over, "the end of the scenario")
        if "start again" in self.scenario.get("then", ""):
            await self.collector.start()
            async with product(self.config, self.collector, self.metrics, shelves=self._shelves):
                await eventually(lambda: self.collector.events, "what was left")

    def _is_over(self) -> bool:
        return self.metrics.events_waiting == 0 and self.metrics.entries > 0

    def _script(self) -> list[Answer]:
        answers = self.scenario["collector"]
        if isinstance(answers, str):
            return [_SENTENCES[answers](self)]
        return [_answer(answer) for answer in answers]

    def answer_when_all_are_queued(self, _events: list[Any]) -> int:
        return 201 if self.gate_is_open else 503


_SENTENCES: dict[str, Callable[[Run], Answer]] = {
    "400 for a batch that has the poison event, else 201": lambda _run: (
        lambda events: 400 if any(POISON in event["request"]["uri"] for event in events) else 201
    ),
    "413 for more than 10 events, else 201": lambda _run: (
        lambda events: 413 if len(events) > 10 else 201
    ),
    "503 until all are queued, then 201": lambda run: run.answer_when_all_are_queued,
}


def _answer(given: int | str) -> Answer:
    if isinstance(given, int):
        return given
    if given == "refused":
        return 201  # never reached: the collector is stopped
    if given.startswith("hang "):
        return Hang(float(given.removeprefix("hang ").removesuffix("s")))
    status, _, header = given.partition(" ")
    name, _, value = header.partition(": ")
    return Reply(int(status), {name: value})


def ids(events: list[dict[str, Any]]) -> list[str]:
    return [event["transaction_id"] for event in events]


def check_events_received(run: Run, expected: int) -> None:
    taken = ids(run.collector.events)
    assert len(set(taken)) == len(taken) == expected


def check_batch_sizes(run: Run, expected: list[int]) -> None:
    assert [len(post.events) for post in run.collector.posts] == expected


def check_path(run: Run, expected: str) -> None:
    assert {post.path for post in run.collector.posts} == {expected}


def check_body(run: Run, expected: str) -> None:
    assert expected == "JSON array"
    assert all(isinstance(json.loads(post.body), list) for post in run.collector.posts)


def check_request_headers(run: Run, expected: dict[str, str]) -> None:
    for post in run.collector.posts:
        for name, pattern in expected.items():
            assert fnmatch.fnmatchcase(post.headers[name], pattern)


def check_same_transaction_id(run: Run, expected: bool) -> None:
    assert len({tuple(ids(post.events)) for post in run.collector.posts}) == 1 or not expected


def check_queued_at_most(run: Run, expected: int) -> None:
    assert run.queued <= expected


def check_dropped(run: Run, expected: int) -> None:
    assert run.dropped_while_away == expected


def check_dropped_counter_visible(run: Run, expected: bool) -> None:
    assert bool(run.metrics.drops) == expected


def check_requests_at_most(run: Run, expected: int) -> None:
    assert len(run.collector.posts) <= expected


def check_received_within_ms(run: Run, expected: int) -> None:
    # How long the machine takes beside is not ours to say.
    assert parse_moesif_config(run.config).batch_max_wait < expected
    assert run.collector.events


def check_next_request_not_before_s(run: Run, expected: float) -> None:
    first, second = run.collector.posts
    assert second.at - first.at >= expected


def check_order(run: Run, _expected: bool) -> None:
    paths = [event["request"]["uri"].rpartition("/")[2] for event in run.collector.events]
    assert paths == [str(number) for number in range(run.scenario["events"])]


CHECKS: dict[str, Callable[[Run, Any], None]] = {
    "events_received": check_events_received,
    "batch_sizes": check_batch_sizes,
    "path": check_path,
    "body": check_body,
    "request_headers": check_request_headers,
    "same_transaction_id": check_same_transaction_id,
    "queued_at_most": check_queued_at_most,
    "dropped": check_dropped,
    "dropped_counter_visible": check_dropped_counter_visible,
    "requests_at_most": check_requests_at_most,
    "received_within_ms": check_received_within_ms,
    "next_request_not_before_s": check_next_request_not_before_s,
    "first_batch_is_not_the_newest": check_order,
    "order_in_batch": check_order,
    "note": lambda _run, _expected: None,
}


@of_kind("delivery")
async def test_delivery(case: Case, tmp_path: Path) -> None:
    run = Run(case, tmp_path)
    async with run.collector:
        await run.happen()
    for name, expected in case["expect"].items():
        CHECKS[name](run, expected)
