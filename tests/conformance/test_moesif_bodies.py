"""The cases of ``moesif.json`` that need bodies: from what Envoy sends to what a collector gets."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from envoy.data.accesslog.v3.accesslog_pb2 import HTTPAccessLogEntry

from analytics.config_fields import parse_moesif_config
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from analytics.routing import ScopedConfig
from tests.fakes.body_messages import (
    ID,
    TIME,
    request_body,
    request_headers,
    response_body,
    response_headers,
)
from tests.fakes.collector import Collector
from tests.fakes.counting_metrics import CountingMetrics
from tests.fakes.envoy_log import entry, message

Case = dict[str, Any]

CASES: list[Case] = [
    case
    for case in json.loads((Path(__file__).parent / "moesif.json").read_text())
    if case.get("group") == "bodies"
]


def test_there_are_cases() -> None:
    assert len(CASES) == 10


def logged() -> HTTPAccessLogEntry:
    return entry(common={"start_time": TIME}, request={"request_id": ID})


def shown(given: dict[str, Any]) -> Iterator[bytes]:
    """Yield what the filter sends about a case's request."""
    body = given.get("request_body", "")
    yield request_headers(given.get("request_headers", {}), ends=not body)
    if body:
        yield request_body(body.encode())
    body = given.get("response_body", "")
    yield response_headers(given.get("response_headers", {}), ends=not body)
    if body:
        yield response_body(body.encode())


async def event_of(config: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    async with Collector() as collector:
        scope = ScopedConfig(
            parse_moesif_config({"application_id": "APP", "api_endpoint": collector.url} | config)
        )
        async with (
            MoesifCollector() as client,
            Pipeline(collector=client, metrics=CountingMetrics()) as pipeline,
        ):
            pipeline.configure([scope], credential_names=[])
            stream = pipeline.bodies.open_stream()
            for each in shown(given):
                stream.accept(each)
            stream.close()
            pipeline.open_stream().accept(message(logged()))
        (event,) = collector.events
        return event


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
async def test_bodies(case: Case) -> None:
    event = await event_of(case["config"], case["input"])
    members = {
        f"{part}_{name}": event[part].get(name)
        for part in ("request", "response")
        for name in ("body", "transfer_encoding")
    }
    assert {name: members[name] for name in case["expect"]} == case["expect"]


async def test_an_event_without_bodies_has_no_such_members() -> None:
    event = await event_of({}, {})
    assert {"body", "transfer_encoding"}.isdisjoint({*event["request"], *event["response"]})
