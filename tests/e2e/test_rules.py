"""What Moesif wants reaches the requests: rules at the check, rates at the log."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest_asyncio

from sidecar.envoy_config.admin_source import fetch_gateway
from sidecar.envoy_config.kong import with_bodies
from sidecar.envoy_process import running_envoy
from tests.clients.raw_http import Response, send
from tests.deadline import eventually
from tests.fakes.collector import Collector
from tests.fakes.sides import HARD_HTTP, Sides
from tests.fakes.stack import Key, Stack

OVER = {
    "_id": "over-quota",
    "name": "over quota",
    "type": "user",
    "block": True,
    "response": {
        "status": 429,
        "headers": {"X-Quota": "{{0}}", "X-Consumer-ID": "spoofed"},
        "body": {"error": "quota of {{0}} is used up"},
    },
    "variables": [{"name": "0", "path": "plan.quota"}],
}
SUNSET = {
    "_id": "sunset",
    "type": "regex",
    "regex_config": [{"conditions": [{"path": "request.route", "value": "^/changing/v1/"}]}],
    "response": {"headers": {"Deprecation": "true", "X-Request-Id": "the rule's"}},
}
LOOPBACK: dict[str, Any] = {
    "_id": "loopback",
    "type": "regex",
    "block": True,
    "regex_config": [
        {
            "conditions": [
                {"path": "request.ip_address", "value": r"^127\."},
                {"path": "request.verb", "value": "^DELETE$"},
                {"path": "request.uri", "value": r"^http://gateway\.test/changing/v1/\?x=1$"},
                {"path": "request.headers.X-Tier", "value": "^free$"},
            ]
        }
    ],
    "response": {"status": 451, "body": None},
}


MUTATIONS: dict[str, Any] = {
    "_id": "mutations",
    "type": "regex",
    "block": True,
    "regex_config": [
        {"conditions": [{"path": "request.body.operationName", "value": "^Delete"}]},
    ],
    "response": {"status": 403},
}


@asynccontextmanager
async def plugin_for(stack: Stack, collector: Collector, **config: Any) -> AsyncIterator[str]:
    """Have a plugin of its own on the route of ``/changing``; yield its path."""
    given = {"application_id": f"rules-{id(collector)}", "api_endpoint": collector.url}
    fields = {"name": "moesif", "config": given | {"batch_max_wait": 100} | config}
    created = await stack.admin.send("POST", "/routes/changing/plugins?wait=applied", fields)
    path = f"/routes/changing/plugins/{created['id']}"
    try:
        yield path
    finally:
        await stack.admin.send("DELETE", f"{path}?wait=applied")


@pytest_asyncio.fixture(loop_scope="session")
async def collector() -> AsyncIterator[Collector]:
    async with Collector() as running:
        yield running


def wants(collector: Collector, tag: str, *rules: Any, **config: Any) -> None:
    """Let Moesif want something else from now on."""
    collector.rules, collector.config, collector.tag = list(rules), config, tag


async def ask(stack: Stack, key: Key, target: str = "/changing/v1/", **how: Any) -> Response:
    return await stack.get(target, key.header, **how)


async def answered(stack: Stack, key: Key, status: int, **how: Any) -> None:
    """Wait until every worker answers with a status."""

    async def everywhere() -> bool:
        return all([(await ask(stack, key, **how)).status == status for _ in range(12)])

    await eventually(everywhere, f"status {status}", within=20)


async def test_a_rule_blocks_its_cohort_soon_and_nobody_else(
    stack: Stack, collector: Collector
) -> None:
    over, other = await stack.new_key(), await stack.new_key()
    async with plugin_for(stack, collector):
        assert (await ask(stack, over)).status == 200
        cohort = [{"rules": "over-quota", "values": {"0": "100"}}]
        wants(collector, "1", OVER, user_rules={over.username: cohort}, company_rules={})
        # The next batch tells that there is something new.
        await answered(stack, over, 429)
        blocked = await ask(stack, over)
        assert blocked.json() == {"error": "quota of 100 is used up"}
        assert blocked.headers["x-quota"] == "100"
        assert blocked.headers["content-type"] == "application/json; charset=utf-8"
        assert "x-consumer-id" not in blocked.headers
        assert (await ask(stack, other)).status == 200
        # Who is refused is told why by authsvc, whatever rules say.
        assert (await stack.get("/changing/v1/", "apikey: nobody's")).status == 401
        await eventually(lambda: events(collector, blocked_by="over-quota"), "the blocked event")
        event = events(collector, blocked_by="over-quota")[0]
        assert event["user_id"] == over.username
        assert event["response"]["status"] == 429
        assert event["metadata"]["reason"] == "blocked_by_rule"
        assert not [e for e in events(collector, user_id=other.username) if "blocked_by" in e]
        # Moesif is away: what was good stays in force.
        await collector.stop()
        await answered(stack, over, 429)
        assert (await ask(stack, other)).status == 200


async def test_rules_look_at_the_request_and_those_that_do_not_block_add_headers(
    stack: Stack, collector: Collector
) -> None:
    key = await stack.new_key()
    wants(collector, "1", SUNSET, LOOPBACK)
    async with plugin_for(stack, collector):
        free = "x-tier: free"

        async def matching() -> Response:
            target = "/changing/v1/?x=1"
            return await stack.get(target, key.header, free, method="DELETE")

        async def blocked() -> bool:
            return all([(await matching()).status == 451 for _ in range(12)])

        await eventually(blocked, "the rule about calls", within=20)
        answer = await matching()
        assert (answer.body, answer.headers["deprecation"]) == (b"", "true")
        passed = await stack.get("/changing/v1/?x=1", key.header, free)
        assert (passed.status, passed.headers["deprecation"]) == (200, "true")
        elsewhere = await stack.get("/changing/v2/?x=1", key.header, free, method="DELETE")
        assert elsewhere.status == 200
        assert "deprecation" not in elsewhere.headers


async def test_envoy_answers_with_whatever_status_a_rule_has(
    stack: Stack, collector: Collector
) -> None:
    key = await stack.new_key()
    statuses = (200, 204, 302, 402, 418, 429, 451, 499, 503)
    rules = [
        {
            "_id": f"answers-{status}",
            "type": "regex",
            "block": True,
            "regex_config": [
                {"conditions": [{"path": "request.headers.x-want", "value": f"^{status}$"}]}
            ],
            "response": {"status": status, "headers": {"X-By": "rule"}, "body": None},
        }
        for status in statuses
    ]
    wants(collector, "1", *rules)
    async with plugin_for(stack, collector):

        async def answers(status: int) -> Response:
            return await stack.get("/changing", key.header, f"x-want: {status}")

        async def in_force() -> bool:
            return all([(await answers(418)).status == 418 for _ in range(12)])

        await eventually(in_force, "the rules", within=20)
        for status in statuses:
            answer = await answers(status)
            assert (answer.status, answer.headers["x-by"], answer.body) == (status, "rule", b"")


@asynccontextmanager
async def checking_bodies(stack: Stack, log_file: Path) -> AsyncIterator[int]:
    """Run one more Envoy, as ``envoy-config --check-bodies`` has it now; yield its port."""
    served = with_bodies(await fetch_gateway(stack.product.admin_url))
    plan = replace(stack.plan, upstreams=served.upstreams, routes=served.routes)
    async with running_envoy(plan, log_file=log_file, concurrency=1) as envoy:
        yield await envoy.port()


async def test_rules_see_what_a_call_says_and_so_does_whoever_looks_at_its_event(
    stack: Stack, collector: Collector, tmp_path: Path
) -> None:
    key = await stack.new_key()
    wants(collector, "1", MUTATIONS)
    async with (
        plugin_for(stack, collector, request_body_masks=["password"]),
        checking_bodies(stack, tmp_path / "envoy.log") as port,
    ):

        async def said(operation: str) -> int:
            body = b'{"operationName":"%s","password":"p"}' % operation.encode()
            headers = (key.header, "content-type: application/json")
            return (await send(port, "/changing", *headers, method="POST", body=body)).status

        async def in_force() -> bool:
            return all([await said("DeleteAll") == 403 for _ in range(12)])

        await eventually(in_force, "the rule", within=20)
        assert await said("Get") == 200
        await eventually(lambda: events(collector, blocked_by="mutations"), "a blocked event")
        for event in events(collector, blocked_by="mutations"):
            assert event["request"]["body"] == {"operationName": "DeleteAll"}


async def test_rules_hold_over_http_as_well(
    stack: Stack, sides: Sides, collector: Collector
) -> None:
    key = await stack.new_key()
    wants(collector, "1", SUNSET, LOOPBACK)
    async with plugin_for(stack, collector):
        lines = (key.header, "x-tollkeeper-client-address: 10.0.0.1")

        async def asked(method: str) -> Response:
            line = f"{method} /changing/v1/?x=1"
            return (await sides.ask(HARD_HTTP, line, "x-tier: free", *lines))[0]

        async def warned() -> bool:
            return all(["deprecation" in (await asked("GET")).headers for _ in range(12)])

        await eventually(warned, "headers of a rule", within=20)
        passed = await asked("GET")
        assert (passed.status, passed.headers["deprecation"]) == (200, "true")
        assert "rule_headers" not in passed.headers
    # Envoy shows authsvc no header over HTTP that is not named, so this rule asks for none.
    conditions = LOOPBACK["regex_config"][0]["conditions"][:-1]
    response = {"status": 451, "headers": {"X-Why": "a & b=c%"}, "body": {"e": 1}}
    changes = {"regex_config": [{"conditions": conditions}], "response": response}
    wants(collector, "2", LOOPBACK | changes)
    async with plugin_for(stack, collector, application_id="over-http"):

        async def blocked() -> bool:
            return all([(await asked("DELETE")).status == 451 for _ in range(12)])

        await eventually(blocked, "the rule about calls", within=20)
        answer = await asked("DELETE")
        assert answer.json() == {"e": 1}
        assert answer.headers["x-why"] == "a & b=c%"
        assert answer.headers["content-type"] == "application/json; charset=utf-8"


async def test_without_moesif_requests_pass(stack: Stack) -> None:
    key = await stack.new_key()
    collector = Collector()
    await collector.start()
    await collector.stop()
    async with plugin_for(stack, collector):
        for _ in range(12):
            assert (await ask(stack, key)).status == 200


async def test_rules_can_be_switched_off(stack: Stack, collector: Collector) -> None:
    key = await stack.new_key()
    everybody = {"_id": "all", "type": "regex", "block": True, "response": {"status": 403}}
    wants(collector, "1", everybody)
    async with plugin_for(stack, collector) as path:
        await answered(stack, key, 403)
        off = {"config": {"enable_governance": False}}
        await stack.admin.send("PATCH", f"{path}?wait=applied", off)
        await answered(stack, key, 200)


async def test_events_are_sampled_and_say_for_how_many_they_stand(
    stack: Stack, collector: Collector
) -> None:
    rare, none = await stack.new_key(), await stack.new_key()
    wants(collector, "1", user_sample_rate={rare.username: 50, none.username: 0})
    async with plugin_for(stack, collector, enable_governance=False):

        async def is_sampled() -> bool:
            await ask(stack, rare)
            return any(event["weight"] == 2 for event in events(collector, user_id=rare.username))

        await eventually(is_sampled, "events that stand for two", within=20)
        await ask(stack, none)

        async def is_counted() -> bool:
            page = await stack.product.page("/metrics")
            return 'tollkeeper_events_skipped_total{reason="sampled_user"}' in page

        await eventually(is_counted, "the event that is left out to be counted")
    assert events(collector, user_id=none.username) == []


def events(collector: Collector, **members: Any) -> list[dict[str, Any]]:
    """Return the events that have these members."""
    return [event for event in collector.events if members.items() <= event.items()]
