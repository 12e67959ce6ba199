"""One id for a call, at its client, its upstream and in its event; and who called, in the event."""

import base64
import json
import secrets
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.clients.raw_http import Response
from tests.deadline import eventually
from tests.fakes.sides import SIDES, Sides
from tests.fakes.stack import Stack
from tests.fakes.upstream import Sighting

HEADER = "x-moesif-transaction-id"


async def ask_once(
    sides: Sides, side: str, path: str, *lines: str
) -> tuple[Response, Sighting | None]:
    """Ask for a path, where all that Envoy may keep of other requests is kept."""
    if sides.times > 1:
        others = [line for line in lines if not line.startswith(HEADER)]  # no id is of two calls
        await sides.ask(side, f"GET {path}-before", *others)
    return await sides.ask(side, f"GET {path}", *lines, times=1)


async def event_of(stack: Stack, path: str) -> dict[str, Any]:
    """Return the one event of the request for a path, once the collector has it."""

    def events() -> list[dict[str, Any]]:
        return [each for each in stack.collector.events if each["request"]["uri"].endswith(path)]

    await eventually(events, f"the event of {path}", within=20)
    (event,) = events()
    return event


def a_path(prefix: str = "") -> str:
    return f"{prefix}/{secrets.token_hex(8)}"


@pytest.mark.parametrize("side", SIDES)
async def test_client_upstream_and_event_have_one_id(stack: Stack, sides: Sides, side: str) -> None:
    key, path = await stack.new_key(), a_path()
    answer, sighting = await ask_once(sides, side, path, key.header)
    assert answer.status == 200
    assert sighting is not None
    told = answer.headers[HEADER]
    assert uuid.UUID(told).version == 4
    assert sighting.values(HEADER) == [told]
    assert [value for name, value in answer.lines if name.lower() == HEADER] == [told]
    assert (await event_of(stack, path))["transaction_id"] == told


@pytest.mark.parametrize("side", SIDES)
async def test_the_clients_own_id_is_taken_over(stack: Stack, sides: Sides, side: str) -> None:
    key, path, own = await stack.new_key(), a_path(), str(uuid.uuid4())
    answer, sighting = await ask_once(sides, side, path, key.header, f"{HEADER}: {own}")
    assert sighting is not None
    assert sighting.values(HEADER) == [answer.headers[HEADER]] == [own]
    assert (await event_of(stack, path))["transaction_id"] == own


@pytest.mark.parametrize("side", SIDES)
async def test_a_refused_call_has_an_id_too(stack: Stack, sides: Sides, side: str) -> None:
    path = a_path()
    answer, sighting = await ask_once(sides, side, path, f"{HEADER}: no-uuid")
    assert answer.status == 401
    assert sighting is None
    assert uuid.UUID(answer.headers[HEADER])
    assert (await event_of(stack, path))["transaction_id"] == answer.headers[HEADER]


async def everywhere(stack: Stack, seen: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is seen at every worker, within the time that is promised."""

    async def at_every_worker() -> bool:
        return all([await seen() for _ in range(12)])

    await eventually(at_every_worker, "every worker to go by the change")


@asynccontextmanager
async def plugin(stack: Stack, **config: object) -> AsyncIterator[str]:
    """Have the route of ``/changing`` a plugin of its own inside the context; yield its id."""
    sent = {"application_id": "tests", "api_endpoint": stack.collector.url, "batch_max_wait": 100}
    fields = {"name": "moesif", "config": sent | config}
    created = await stack.admin.send("POST", "/routes/changing/plugins?wait=applied", fields)
    try:
        yield created["id"]
    finally:  # else the next test finds it there
        await stack.admin.send("DELETE", f"/plugins/{created['id']}?wait=applied")


async def test_no_id_is_told_where_that_is_switched_off(stack: Stack) -> None:
    key = await stack.new_key()

    async def told() -> bool:
        return HEADER in (await stack.get("/changing", key.header)).headers

    async def untold() -> bool:
        return not await told()

    async with plugin(stack, disable_transaction_id=True) as id_:
        await everywhere(stack, untold)
        on = {"config": {"disable_transaction_id": False}}
        await stack.admin.send("PATCH", f"/plugins/{id_}", on)
        await everywhere(stack, told)


@pytest.mark.parametrize("side", SIDES)
async def test_the_company_is_the_consumers_tag(stack: Stack, sides: Sides, side: str) -> None:
    key, path = await stack.new_key(metadata={"team": "payments"}), a_path("/changing")
    tags = {"tags": ["gold", "company:acme"]}
    await stack.admin.send("PATCH", f"/consumers/{key.consumer_id}", tags)
    config = {"user_id_from": "metadata:team", "company_id_from": "tags:company:"}
    async with plugin(stack, **config):
        answer, _ = await ask_once(sides, side, path, key.header)
        assert answer.status == 200
        event = await event_of(stack, path)
    assert (event["user_id"], event["company_id"]) == ("payments", "acme")
    assert event["metadata"]["consumer"]["username"] == key.username
    assert event["session_token"] == key.id


@pytest.mark.parametrize("side", SIDES)
async def test_a_token_that_is_not_logged_names_the_company(
    stack: Stack, sides: Sides, side: str
) -> None:
    key, path = await stack.new_key(), a_path("/changing")
    claims = base64.urlsafe_b64encode(json.dumps({"sub": "u", "org": {"id": "o-1"}}).encode())
    token = f"authorization: Bearer e30.{claims.decode().rstrip('=')}.c2ln"
    async with plugin(stack, authorization_company_id_field="org.id"):
        await ask_once(sides, side, path, key.header, token)
        event = await event_of(stack, path)
    assert (event["user_id"], event["company_id"]) == (key.username, "o-1")
    assert "authorization" not in event["request"]["headers"]
