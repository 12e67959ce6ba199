"""The data key is exchanged under traffic, and the process that does it is killed meanwhile."""

import asyncio
import os
import signal
from typing import Any

from sidecar.admin_client import AdminApiError
from tests.deadline import eventually
from tests.fakes.stack import Key, Stack

_KEYS = 8


async def test_a_rotation_goes_on_after_a_crash_and_no_request_notices(stack: Stack) -> None:
    keys = [await stack.new_key() for _ in range(_KEYS)]
    old = (await stack.admin.send("GET", "/keyring/active"))["id"]
    statuses: list[int] = []
    traffic = asyncio.create_task(_ask_on(stack, keys, statuses))
    begun = await stack.admin.send("POST", "/keyring/rotate", {})
    for admin in stack.product.workers("admin"):
        os.kill(admin, signal.SIGKILL)

    async def done() -> bool:
        return (await _rotation(stack)).get("status") == "done"

    await eventually(done, "another admin process to bring the rotation to its end", within=60)
    seen = len(statuses)
    await eventually(lambda: len(statuses) > seen + _KEYS, "requests after the rotation")
    traffic.cancel()
    await asyncio.wait((traffic,))

    assert set(statuses) == {200}
    ring = await stack.admin.send("GET", "/keyring")
    assert ring["active"] == begun["target"] != old
    await stack.admin.send("POST", "/keyring/remove", {"key": old})  # nothing is left under it
    # Asked of the database again: workers have forgotten all with the ring that changed.
    assert [(await stack.get("/", key.header)).status for key in keys] == [200] * _KEYS
    shown = await stack.admin.send("GET", f"/key-auths-enc/{keys[0].id}")
    assert shown["key"] == keys[0].text


async def _ask_on(stack: Stack, keys: list[Key], statuses: list[int]) -> None:
    while True:
        for key in keys:
            answer = await stack.get("/", key.header)
            statuses.append(answer.status)


async def _rotation(stack: Stack) -> dict[str, Any]:
    try:
        return await stack.admin.send("GET", "/keyring/rotation")
    except AdminApiError:  # it is being started again
        return {}
