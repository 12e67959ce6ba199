"""Envoy answers by itself, and every change is live once the promised time is over."""

import secrets
import time
from collections.abc import AsyncIterator

import pytest_asyncio

from tests.deadline import eventually
from tests.fakes.stack import Key, Stack


async def unasked(stack: Stack) -> int:
    """Return how many requests Envoy has let through without asking."""
    _, stats = await stack.envoy.ask("/stats?filter=^http.ingress.ext_authz.disabled$")
    return int(stats.rpartition(":")[2])


async def is_unasked(stack: Stack, target: str, key: Key) -> bool:
    """Tell whether the last of some requests was let through without asking."""
    before = await unasked(stack)
    await stack.get(target, key.header)
    return await unasked(stack) > before


async def test_envoy_answers_by_itself_where_it_may_and_nowhere_else(
    edge_stack: Stack, asking_stack: Stack
) -> None:
    key, other = await edge_stack.new_key(), await asking_stack.new_key()

    for target in ("/", "/hiding", "/hiding?a=1", "/header-only", "/guests"):
        assert await is_unasked(edge_stack, target, key), target
    for target in ("/bearers", "/cookies", "/bodies", "/hiding?%61pikey=x", "/?apikey=x"):
        expected = target == "/?apikey=x"  # nothing is hidden there, and the header comes first
        assert await is_unasked(edge_stack, target, key) is expected, target
    assert not await is_unasked(asking_stack, "/", other)


async def test_a_revoked_key_is_let_through_no_longer_than_was_configured(
    edge_stack: Stack,
) -> None:
    key = await edge_stack.new_key()
    path = f"/consumers/{key.consumer_id}/key-auth-enc/{key.id}?wait=applied"
    assert (await edge_stack.get("/", key.header)).status == 200

    await edge_stack.admin.send("DELETE", path)
    revoked = time.time()
    let_through: list[float] = []

    async def is_refused() -> bool:
        began = time.time()
        refused = (await edge_stack.get("/", key.header, times=1)).status == 401
        let_through.extend([] if refused else [began])
        return refused

    await eventually(is_refused, "the key to be refused", within=edge_stack.live_within)
    assert all(moment <= revoked + edge_stack.edge_ttl for moment in let_through)
    assert (await edge_stack.get("/", key.header)).status == 401


async def test_what_envoy_answered_is_an_event_like_any_other(edge_stack: Stack) -> None:
    stack, key = edge_stack, await edge_stack.new_key()
    asked, unasked_path = secrets.token_hex(8), secrets.token_hex(8)

    await stack.get(f"/{asked}", key.header, times=1)
    await stack.get("/", key.header)
    before = await unasked(stack)
    await stack.get(f"/{unasked_path}", key.header, times=1)
    assert await unasked(stack) == before + 1

    marks = (asked, unasked_path)
    await eventually(
        lambda: sum(any(m in path for m in marks) for path in stack.paths()) == 2, "both events"
    )
    events = [
        next(e for e in stack.collector.events if mark in e["request"]["uri"]) for mark in marks
    ]
    for name in ("user_id", "session_token", "direction"):
        assert events[0].get(name) == events[1].get(name)
    assert events[1]["session_token"] == key.id
    metadata = [event["metadata"] for event in events]
    assert metadata[0].keys() == metadata[1].keys()
    for name in ("consumer", "route", "service"):
        assert metadata[0][name] == metadata[1][name]
    assert len({event["transaction_id"] for event in events}) == 2
    assert "edge_cache" not in str(events)


@pytest_asyncio.fixture(loop_scope="session")
async def plugin(edge_stack: Stack) -> AsyncIterator[str]:
    """The path of a plugin on the route of ``/changing``, by which Envoy has to ask."""
    created = await edge_stack.admin.send(
        "POST", "/routes/changing/plugins?wait=applied", {"name": "key-auth-enc"}
    )
    path = f"/plugins/{created['id']}"
    yield path
    await edge_stack.admin.send("DELETE", f"{path}?wait=applied")


async def test_the_option_is_live_within_two_seconds(edge_stack: Stack, plugin: str) -> None:
    key = await edge_stack.new_key()
    await edge_stack.forgotten()

    async def is_on() -> bool:
        return await is_unasked(edge_stack, "/changing", key)

    async def is_off() -> bool:
        return not await is_unasked(edge_stack, "/changing", key)

    assert await is_off()
    for edge_cache, seen in (({"ttl": 1}, is_on), ({"enabled": False}, is_off)):
        await edge_stack.admin.send("PATCH", plugin, {"config": {"edge_cache": edge_cache}})
        await eventually(seen, f"{edge_cache} to be live", within=edge_stack.live_within)
