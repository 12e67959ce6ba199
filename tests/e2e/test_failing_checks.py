"""What becomes of requests when authsvc does not answer, or has odd things to say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from sidecar.address import TcpAddress
from sidecar.admin_client import AdminRefusedError
from sidecar.envoy_process import running_envoy
from tests.clients.raw_http import get
from tests.fakes.outcomes import ask_all, identity, identity_of
from tests.fakes.sides import HARD_ALONE, HARD_ALONE_OPEN, Sides
from tests.fakes.stack import Key, Stack

SPOOFED = ("x-consumer-id: evil", "X_Consumer_ID: evil", "X.Consumer.Username: evil")


async def test_where_authsvc_is_away_nothing_passes(stack: Stack, sides: Sides) -> None:
    key = await stack.new_key()

    for lines in (["GET /"], ["GET /", "apikey: KEY"], ["OPTIONS /"]):
        answers = await ask_all(sides, lines, key, of=[HARD_ALONE])
        response, sighting = answers[HARD_ALONE]
        assert (response.status, sighting) == (503, None)


async def test_where_authsvc_does_not_answer_nothing_passes(stack: Stack, tmp_path: Path) -> None:
    key = await stack.new_key()
    async with silence() as port:
        plan = replace(stack.plan, authsvc=TcpAddress("127.0.0.1", port))
        async with running_envoy(plan, log_file=tmp_path / "log", concurrency=1) as envoy:
            response = await get(await envoy.port(), "/", key.header)

    assert (response.status, response.body) == (503, b"")


@asynccontextmanager
async def silence() -> AsyncIterator[int]:
    """Take connections, and say nothing; yield the port."""
    connections: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: connections.append(writer), "127.0.0.1")
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in connections:
            connection.close()


async def test_where_an_operator_lets_all_pass_then_nobody_has_an_identity(
    stack: Stack, sides: Sides
) -> None:
    key = await stack.new_key()
    lines = ["GET /", "apikey: KEY", *SPOOFED]

    answers = await ask_all(sides, lines, key, of=[HARD_ALONE_OPEN])

    response, sighting = answers[HARD_ALONE_OPEN]
    assert response.status == 200
    assert sighting is not None
    assert identity(sighting) == []


@pytest.mark.parametrize("name", ["a\r\nx-admin: yes", "a\0b", "a\x1b[31m", "a\x7f", "n" * 70_000])
async def test_a_name_that_is_no_header_cannot_be_given(stack: Stack, name: str) -> None:
    for field in ("username", "custom_id"):
        with pytest.raises(AdminRefusedError) as refusal:
            await stack.admin.send("POST", "/consumers", {field: name})
        assert refusal.value.status == 400


async def rename_behind_our_back(stack: Stack, key: Key, name: str) -> None:
    connection = await asyncpg.connect(stack.database.url)
    try:
        await connection.execute(
            "UPDATE consumers SET username = $2, custom_id = $2 WHERE id::text = $1",
            key.consumer_id,
            name,
        )
    finally:
        await connection.close()


@pytest.mark.parametrize("name", ["a\r\nx-admin: yes", "a\x1b[31m", "n" * 70_000])
async def test_a_name_that_is_no_header_and_came_all_the_same_is_left_out(
    stack: Stack, sides: Sides, name: str
) -> None:
    key = await stack.new_key()
    await rename_behind_our_back(stack, key, f"{key.username}{name}")

    answers = await ask_all(sides, ["GET /", "apikey: KEY", *SPOOFED], key)

    assert {response.status for response, _ in answers.values()} == {200}
    without_name = [pair for pair in identity_of(key) if pair[0] != "x-consumer-username"]
    for side, (_, sighting) in answers.items():
        assert sighting is not None
        found = [pair for pair in identity(sighting) if "." not in pair[0]]
        assert found == without_name, side
        assert not sighting.values("x-admin")


async def test_a_name_in_any_script_reaches_the_upstream_as_it_is(
    stack: Stack, sides: Sides
) -> None:
    key = await stack.new_key()
    name = f"Ünï-文-{key.username}"
    await stack.admin.send("PATCH", f"/consumers/{key.consumer_id}", {"username": name})

    answers = await ask_all(sides, ["GET /", "apikey: KEY"], key)

    for side, (_, sighting) in answers.items():
        assert sighting is not None, side
        assert sighting.values("x-consumer-username") == [name.encode().decode("latin-1")], side
