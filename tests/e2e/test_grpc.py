"""gRPC clients and other HTTP/2 ones, through the real Envoy."""

import asyncio
import json
import shutil
from dataclasses import replace
from pathlib import Path

import aiohttp
import grpc
import pytest

from sidecar.envoy_config.plan import BodyUse
from sidecar.envoy_process import running_envoy
from tests.fakes.grpc_echo import METHOD, STREAM_METHOD
from tests.fakes.sides import HARD, HARD_HTTP, Sides
from tests.fakes.stack import Key, Stack

UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


async def say(stack: Stack, *metadata: tuple[str, str]) -> dict[str, str]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.port}") as channel:
        answer = await channel.unary_unary(METHOD)(b"", metadata=metadata, timeout=10)
    return json.loads(answer)


async def test_a_call_with_a_key_is_let_through_with_its_identity(stack: Stack) -> None:
    key = await stack.new_key()

    seen = await say(stack, ("apikey", key.text), ("x-consumer-username", "evil"))

    assert (seen["x-consumer-id"], seen["x-consumer-username"]) == (key.consumer_id, key.username)


@pytest.mark.parametrize(
    "metadata", [(), (("apikey", "wrong"),), (("apikey", "a"), ("apikey", "b"))]
)
async def test_a_call_without_a_valid_key_is_unauthenticated(
    stack: Stack, metadata: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await say(stack, *metadata)

    assert failure.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "{" not in (failure.value.details() or "")


REFUSED = {
    METHOD: (grpc.StatusCode.UNAUTHENTICATED, "No API key found in request"),
    "/members/Say": (grpc.StatusCode.PERMISSION_DENIED, "You cannot consume this service"),
    "/nobodies/Say": (
        grpc.StatusCode.INTERNAL,
        "anonymous consumer nobody is configured but doesn't exist",
    ),
}


@pytest.mark.parametrize("method", REFUSED)
@pytest.mark.parametrize("side", [HARD, HARD_HTTP])
async def test_a_refused_call_has_kongs_code_and_a_message_in_plain_text(
    stack: Stack, sides: Sides, side: str, method: str
) -> None:
    key = await stack.new_key()
    metadata = [("apikey", key.text)] if method == "/members/Say" else []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{sides.ports[side]}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await channel.unary_unary(method)(b"", metadata=metadata, timeout=10)

    assert (failure.value.code(), failure.value.details()) == REFUSED[method]
    challenge = dict(failure.value.trailing_metadata() or ()).get("www-authenticate")
    assert challenge == ("Key" if failure.value.code() is UNAUTHENTICATED else None)


# Envoy answers those in gRPC, and the others in plain HTTP, over HTTP/1 as over HTTP/2.
CONTENT_TYPES = {
    "application/grpc": (200, "No API key found in request"),
    "application/grpc+proto": (200, "No API key found in request"),
    "application/grpc-web": (401, None),
    "application/grpc; charset=utf-8": (401, None),
    "Application/gRPC": (401, None),
}


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
@pytest.mark.parametrize("side", [HARD, HARD_HTTP])
async def test_a_call_over_http_1_is_refused_in_the_terms_that_envoy_answers_in(
    sides: Sides, side: str, content_type: str
) -> None:
    async with aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{sides.ports[side]}{METHOD}"
        async with session.post(url, headers={"content-type": content_type}) as answer:
            told = (answer.status, answer.headers.get("grpc-message"))
            body = await answer.text()
    assert told == CONTENT_TYPES[content_type]
    if told[0] == 401:
        assert json.loads(body)["message"] == "No API key found in request"


async def talk(port: int, key: Key) -> list[bytes]:
    """Send messages, each only after the one before was answered."""
    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        asyncio.timeout(10),
    ):
        call = channel.stream_stream(STREAM_METHOD)(metadata=[("apikey", key.text)])
        answers = []
        for message in (b"one", b"two"):
            await call.write(message)
            answers.append(await call.read())
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK
        return answers


async def test_a_stream_is_not_held_up(stack: Stack) -> None:
    assert await talk(stack.port, await stack.new_key()) == [b"one", b"two"]


async def test_a_stream_is_not_held_up_where_keys_are_looked_for_in_bodies(
    stack: Stack, tmp_path: Path
) -> None:
    # Without the routes for gRPC alone, which would come first.
    streams = [route for route in stack.plan.routes if route.name == "streams"]
    assert [route.body for route in streams] == [BodyUse.HIDE]
    plan = replace(stack.plan, routes=tuple(streams))

    async with running_envoy(plan, log_file=tmp_path / "log", concurrency=1) as envoy:
        answers = await talk(await envoy.port(), await stack.new_key())

    assert answers == [b"one", b"two"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="speaks HTTP/2 with curl")
async def test_a_key_over_http2_is_let_through(stack: Stack) -> None:
    key = await stack.new_key()
    process = await asyncio.create_subprocess_exec(
        *("curl", "-s", "--http2-prior-knowledge", "-K", "-", f"http://127.0.0.1:{stack.port}/"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, _ = await process.communicate(f'header = "{key.header}"'.encode())

    assert json.loads(answer)["headers"]["x-consumer-id"] == key.consumer_id
