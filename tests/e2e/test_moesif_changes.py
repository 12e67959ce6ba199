"""Changes of moesif plugins while calls go on."""

import asyncio
import secrets
import time
from datetime import datetime
from typing import Any

from tests.deadline import eventually
from tests.fakes.collector import Collector
from tests.fakes.stack import Stack

PROMISED = 2.0  # seconds until a change is live


def began(event: dict[str, Any]) -> float:
    """Return when the call of an event began, in seconds of the epoch."""
    return datetime.fromisoformat(event["request"]["time"]).timestamp()


async def test_changed_options_are_in_the_events_of_calls_two_seconds_later(stack: Stack) -> None:
    key, mark = await stack.new_key(), secrets.token_hex(4)
    config = {"application_id": f"app-{mark}", "batch_max_wait": 100, "metadata": {"edition": 1}}
    async with Collector() as collector:
        config["api_endpoint"] = collector.url
        plugin = {"name": "moesif", "config": config}
        created = await stack.admin.send("POST", "/routes/changing/plugins?wait=applied", plugin)
        change = {"metadata": {"edition": 2}, "skip": [{"path": "/noise$"}]}
        await stack.admin.send("PATCH", f"/plugins/{created['id']}", {"config": change})
        changed_at = time.time()
        asked = 0
        while time.time() < changed_at + PROMISED + 1:
            await stack.get(f"/changing/{mark}/{asked}", key.header)
            await stack.get(f"/changing/{mark}/noise", key.header)
            asked += 1
            await asyncio.sleep(0.1)  # spread over the time in which it has to become live
        last = f"/changing/{mark}/{asked - 1}"
        await eventually(
            lambda: any(each["request"]["uri"].endswith(last) for each in collector.events),
            "the last event",
        )
        later = [each for each in collector.events if began(each) > changed_at + PROMISED]
        await stack.admin.send("DELETE", f"/plugins/{created['id']}?wait=applied")
    assert later
    assert {each["metadata"]["edition"] for each in later} == {2}
    assert not [each for each in later if each["request"]["uri"].endswith("noise")]


async def test_application_ids_side_by_side_get_what_is_theirs(stack: Stack) -> None:
    key, mark = await stack.new_key(), secrets.token_hex(4)
    async with Collector() as one, Collector(503) as busy:
        plugins = []
        for route, collector in (("changing", one), ("hiding", busy)):
            config = {
                "application_id": f"{route}-{mark}",
                "api_endpoint": collector.url,
                "batch_max_wait": 100,
            }
            plugin = {"name": "moesif", "config": config}
            plugins.append(
                await stack.admin.send("POST", f"/routes/{route}/plugins?wait=applied", plugin)
            )
        paths = [f"/hiding/{mark}", f"/changing/{mark}", f"/{mark}"]

        async def delivered() -> bool:
            for path in paths:  # again and again: analytics does not know the plugins at once
                await stack.get(path, key.header)
            return bool(busy.posts) and all(
                any(event["request"]["uri"].endswith(path) for event in collector.events)
                for collector, path in ((one, paths[1]), (stack.collector, paths[2]))
            )

        await eventually(delivered, "the events of all, and a try at the one that is busy")
        for plugin in plugins:
            await stack.admin.send("DELETE", f"/plugins/{plugin['id']}?wait=applied")
    assert {post.headers["x-moesif-application-id"] for post in one.posts} == {f"changing-{mark}"}
    assert {post.headers["x-moesif-application-id"] for post in busy.posts} == {f"hiding-{mark}"}
    assert [event["request"]["uri"].partition("/hiding")[1] for event in busy.posts[0].events]
