"""What is changed while requests are under way."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest_asyncio

from tests.deadline import eventually
from tests.fakes.stack import Key, Stack

EVERY_WORKER = 12  # requests that are likely to meet each of two workers


@pytest_asyncio.fixture(loop_scope="session")
async def plugin(stack: Stack) -> AsyncIterator[str]:
    """The path of a plugin on the route of ``/changing``, which is there for one test."""
    fields = {"name": "key-auth-enc", "config": stack.key_auth()}
    created = await stack.admin.send("POST", "/routes/changing/plugins?wait=applied", fields)
    path = f"/routes/changing/plugins/{created['id']}"
    yield path
    await stack.admin.send("DELETE", f"{path}?wait=applied")


@asynccontextmanager
async def load(stack: Stack, key: Key) -> AsyncIterator[Counter[int]]:
    """Ask without pause inside the context; count the answers by status."""
    answers: Counter[int] = Counter()

    async def ask() -> None:
        while True:
            answers[(await stack.get("/changing", key.header)).status] += 1

    async with asyncio.TaskGroup() as tasks:
        asking = [tasks.create_task(ask()) for _ in range(2)]
        yield answers
        for task in asking:
            task.cancel()


async def everywhere(stack: Stack, seen: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is seen at every worker, within the time that is promised."""

    async def at_every_worker() -> bool:
        return all([await seen() for _ in range(EVERY_WORKER)])

    await eventually(at_every_worker, "every worker to go by the change", within=stack.live_within)


async def test_a_change_of_a_plugin_is_live_within_two_seconds_and_drops_no_request(
    stack: Stack, plugin: str
) -> None:
    key = await stack.new_key()

    def hidden(wanted: bool) -> Callable[[], Awaitable[bool]]:
        async def seen() -> bool:
            answer = (await stack.get("/changing", key.header)).json()
            return ("apikey" not in answer["headers"]) is wanted

        return seen

    async with load(stack, key) as answers:
        await eventually(lambda: answers[200], "the load")
        for hide in (True, False, True):
            config = {"config": {"hide_credentials": hide}}
            await stack.admin.send("PATCH", plugin, config)
            await everywhere(stack, hidden(hide))

    assert set(answers) == {200}


async def test_a_plugin_that_comes_and_goes_is_live_within_two_seconds(stack: Stack) -> None:
    key = await stack.new_key()
    acl = {"name": "acl", "config": {"allow": [f"group-{key.username}"]}}

    def answered(status: int) -> Callable[[], Awaitable[bool]]:
        async def seen() -> bool:
            return (await stack.get("/changing", key.header)).status == status

        return seen

    created = await stack.admin.send("POST", "/routes/changing/plugins", acl)
    await everywhere(stack, answered(403))
    group = {"group": f"group-{key.username}"}
    await stack.admin.send("POST", f"/consumers/{key.consumer_id}/acls", group)
    await everywhere(stack, answered(200))
    await stack.admin.send("DELETE", f"/consumers/{key.consumer_id}/acls/{group['group']}")
    await everywhere(stack, answered(403))
    await stack.admin.send("PATCH", f"/plugins/{created['id']}", {"enabled": False})
    await everywhere(stack, answered(200))
    await stack.admin.send("DELETE", f"/plugins/{created['id']}")


async def test_a_disabled_key_is_unknown_until_it_is_enabled_again(stack: Stack) -> None:
    key = await stack.new_key()
    path = f"/consumers/{key.consumer_id}/key-auth-enc/{key.id}?wait=applied"
    found = []

    for enabled in (True, False, True):
        await stack.admin.send("PATCH", path, {"enabled": enabled})
        await stack.forgotten()
        answers = [await stack.get("/", key.header) for _ in range(EVERY_WORKER)]
        found.append({answer.status for answer in answers})

    assert found == [{200}, {401}, {200}]


async def test_a_key_that_is_created_disabled_says_no_more_than_one_that_is_unknown(
    stack: Stack,
) -> None:
    disabled = await stack.new_key(enabled=False)

    said = []
    for header in (disabled.header, f"apikey: {secrets.token_hex(16)}"):
        answer = await stack.get("/", header)
        said.append((answer.status, answer.json()["message"], answer.headers["www-authenticate"]))

    assert said[0] == said[1]


async def test_a_key_expires_to_the_second_though_it_is_in_memory(stack: Stack) -> None:
    key = await stack.new_key(ttl=2)
    expiry = await expiry_of(stack, key)
    asked: list[tuple[float, float, int]] = []

    async def is_over() -> bool:
        began = time.time()
        status = (await stack.get("/", key.header)).status
        asked.append((began, time.time(), status))
        return began > expiry + 0.2

    await eventually(is_over, "the key's second", within=10)
    before = [status for _, ended, status in asked if ended < expiry]
    after = [status for began, _, status in asked if began >= expiry]
    assert (set(before), set(after)) == ({200}, {401})


async def expiry_of(stack: Stack, key: Key) -> int:
    """Return when a key expires, in seconds of the epoch."""
    connection = await asyncpg.connect(stack.database.url)
    try:
        found = await connection.fetchval(
            "SELECT expires_at FROM credentials WHERE id::text = $1", key.id
        )
    finally:
        await connection.close()
    return int(found)
