"""Bodies on their way through the whole pipeline."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from analytics.bodies.effort import Effort
from analytics.bodies.join import ENTRY_SECONDS
from analytics.bodies.metrics import BodyOutcome
from analytics.config_fields import parse_moesif_config
from analytics.metrics import SkipReason
from analytics.moesif import MoesifCollector
from analytics.pipeline import Pipeline
from analytics.routing import ScopedConfig
from tests.deadline import eventually
from tests.fakes.body_counts import BodyCounts
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
from tests.fakes.envoy_log import entry, message, said

JSON = {"content-type": "application/json"}
BODY = b'{"my-key":"k3y-1","authorization":"k3y-2"}'


@asynccontextmanager
async def pipeline(
    collector: Collector,
    metrics: CountingMetrics,
    counts: BodyCounts | None = None,
    effort: Effort | None = None,
    **config: Any,
) -> AsyncIterator[Pipeline]:
    given = {"application_id": "APP", "api_endpoint": collector.url, "batch_max_wait": 10}
    scope = ScopedConfig(parse_moesif_config(given | config))
    async with (
        MoesifCollector() as client,
        Pipeline(collector=client, metrics=metrics, body_metrics=counts, effort=effort) as it,
    ):
        it.configure([scope], credential_names=["my-key"])
        yield it


def show(it: Pipeline) -> None:
    """Send the bodies of the request."""
    stream = it.bodies.open_stream()
    for each in (
        request_headers(JSON),
        request_body(BODY),
        response_headers(JSON),
        response_body(BODY),
    ):
        stream.accept(each)
    stream.close()


def log(it: Pipeline, *, verdict: Mapping[str, str] | None = None, **request: Any) -> None:
    """Send the entry of the request."""
    common = {"start_time": TIME} | (said(**verdict) if verdict else {})
    built = entry(common=common, request={"request_id": ID} | request)
    it.open_stream().accept(message(built))


async def test_keys_of_the_gateway_stay_masked_where_other_credentials_are_shown(
    metrics: CountingMetrics,
) -> None:
    async with Collector() as collector:
        async with pipeline(collector, metrics, disable_credential_masking=True) as it:
            show(it)
            headers = {"authorization": "k3y-2", "my-key": "k3y-1"}
            log(it, request_headers=headers, path="/?apikey=k3y-2&my-key=k3y-1")
        (event,) = collector.events
    shown = {"my-key": "*****", "authorization": "k3y-2"}
    assert event["request"]["body"] == event["response"]["body"] == shown
    assert shown.items() <= event["request"]["headers"].items()
    assert event["request"]["uri"].endswith("/?apikey=k3y-2&my-key=*****")


async def test_an_entry_that_waits_is_sent_by_what_is_configured_when_it_goes_on(
    metrics: CountingMetrics,
) -> None:
    async with Collector() as collector:
        async with pipeline(collector, metrics) as it:
            it.bodies.open_stream()
            log(it)
            it.configure([], credential_names=[])
            await eventually(
                lambda: metrics.skips[SkipReason.NOT_CONFIGURED] == 1,
                "the entry to be skipped",
                within=ENTRY_SECONDS + 20,
            )
        assert collector.events == []


async def test_stopping_sends_what_waits_for_bodies(metrics: CountingMetrics) -> None:
    async with Collector() as collector:
        async with pipeline(collector, metrics) as it:
            it.bodies.open_stream()
            log(it)
        assert len(collector.events) == 1


@pytest.mark.parametrize("size", [100_000, 100_001])
async def test_an_entry_does_not_wait_for_bodies_that_are_too_large(
    metrics: CountingMetrics, size: int
) -> None:
    async with Collector() as collector, pipeline(collector, metrics) as it:
        it.bodies.open_stream()
        built = entry(
            common={"start_time": TIME},
            request={"request_id": ID, "request_body_bytes": size},
            response={"response_body_bytes": size},
        )
        it.open_stream().accept(message(built))
        assert len(it.bodies._entries) == (1 if size == 100_000 else 0)


async def test_events_go_without_bodies_when_those_take_too_much_time(
    metrics: CountingMetrics,
) -> None:
    counts = BodyCounts()
    spent = Effort(share=0.0)
    spent._left = 0.0
    async with Collector() as collector:
        async with pipeline(collector, metrics, counts, effort=spent) as it:
            show(it)
            log(it)
        (event,) = collector.events
    assert {"body"}.isdisjoint({*event["request"], *event["response"]})
    assert counts.outcomes == {BodyOutcome.NO_TIME: 2}


# What authsvc said of a request, and whether its body may be shown.
VERDICTS: dict[str, tuple[dict[str, str], bool]] = {
    "nothing": ({}, True),
    "allowed": ({"result": "allow"}, True),
    "blocked by a rule": ({"result": "deny", "blocked_by": "rule"}, True),
    "refused": ({"result": "deny"}, False),
    "nobody could tell": ({"result": "error"}, False),
}


@pytest.mark.parametrize("name", VERDICTS)
async def test_bodies_of_strangers_are_not_shown(metrics: CountingMetrics, name: str) -> None:
    verdict, is_shown = VERDICTS[name]
    counts = BodyCounts()
    async with Collector() as collector:
        async with pipeline(collector, metrics, counts) as it:
            show(it)
            log(it, verdict=verdict)
        (event,) = collector.events
    assert ("body" in event["request"], "body" in event["response"]) == (is_shown, True)
    assert counts.outcomes[BodyOutcome.REFUSED] == (not is_shown)
