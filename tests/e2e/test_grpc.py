"""gRPC clients and other HTTP/2 ones, through the real Envoy."""

import asyncio
import json
import shutil

import grpc
import pytest

from tests.fakes.grpc_echo import METHOD
from tests.fakes.stack import Stack


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
