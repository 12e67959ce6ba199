"""Writes that meet each other."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from authsvc.entities import Consumer
from authsvc.memory import MemoryDatabase
from authsvc.store import Stores
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving

NAMES = [f"tag{n}" for n in range(10)]


async def test_patches_of_one_row_do_not_undo_each_other(admin: AdminClient) -> None:
    await admin.post("/consumers", {"username": "bob"})
    answers = await asyncio.gather(
        admin.patch("/consumers/bob", {"custom_id": "7"}),
        admin.patch("/consumers/bob", {"tags": NAMES}),
        *(admin.patch("/consumers/bob", {}) for _ in range(5)),
    )
    assert {answer.status for answer in answers} == {200}
    bob = (await admin.get("/consumers/bob")).json()
    assert (bob["custom_id"], bob["tags"]) == ("7", NAMES)


async def test_a_slow_patch_does_not_undo_a_quick_one() -> None:
    stores = MemoryDatabase()
    async with serving(stores) as client:
        await client.put("/consumers/bob")
        replace, slow, go_on = stores.consumers.replace, asyncio.Event(), asyncio.Event()

        async def slowly(entity: Consumer, **options: Any) -> int | None:
            slow.set()
            await go_on.wait()
            return await replace(entity, **options)

        stores.consumers.replace = slowly  # type: ignore[method-assign]  # the first one is slow
        first = asyncio.create_task(client.patch("/consumers/bob", {"custom_id": "7"}))
        await slow.wait()
        stores.consumers.replace = replace  # type: ignore[method-assign]
        second = asyncio.create_task(client.patch("/consumers/bob", {"tags": NAMES}))
        await asyncio.wait({second}, timeout=0.1)  # time enough to do harm, if it could
        go_on.set()
        assert (await first).status == (await second).status == 200
        bob = (await client.get("/consumers/bob")).json()
    assert (bob["custom_id"], bob["tags"]) == ("7", NAMES)


OTHER_WRITES = {
    "a patch": lambda admin: admin.patch("/consumers/bob", {"tags": NAMES}),
    "a rename": lambda admin: admin.patch("/consumers/bob", {"username": "rob", "tags": NAMES}),
}


@contextmanager
def beaten(
    stores: Stores, write: Callable[[], Awaitable[Any]], *, times: int = 1
) -> Iterator[None]:
    """Let somebody else write a consumer whenever one was read and is about to be replaced."""
    replace, left = stores.consumers.replace, iter(range(times))

    async def too_late(entity: Consumer, **options: Any) -> int | None:
        if next(left, None) is not None:
            stores.consumers.replace = replace
            await write()
            stores.consumers.replace = too_late
        return await replace(entity, **options)

    stores.consumers.replace = too_late
    yield
    stores.consumers.replace = replace


@pytest.mark.parametrize("other", OTHER_WRITES)
async def test_a_patch_does_not_undo_what_another_process_writes_meanwhile(
    stores: Stores, other: str
) -> None:
    async with serving(stores) as one, serving(stores) as two:
        bob = (await one.put("/consumers/bob")).json()["id"]
        with beaten(stores, lambda: OTHER_WRITES[other](two)):
            answer = await one.patch(f"/consumers/{bob}", {"custom_id": "7"})
        assert answer.status == 200
        assert answer.json() == (await two.get(f"/consumers/{bob}")).json()
    assert (answer.json()["custom_id"], answer.json()["tags"]) == ("7", NAMES)


async def test_a_put_by_name_does_not_undo_a_rename_by_another_process(stores: Stores) -> None:
    async with serving(stores) as one, serving(stores) as two:
        bob = (await one.put("/consumers/bob")).json()["id"]
        with beaten(stores, lambda: OTHER_WRITES["a rename"](two)):
            answer = await one.put("/consumers/bob", {"custom_id": "7"})
        assert answer.json()["id"] != bob
        assert (await two.get(f"/consumers/{bob}")).json()["username"] == "rob"


async def test_a_patch_that_others_always_beat_gives_up_and_says_so(stores: Stores) -> None:
    async with serving(stores) as one, serving(stores) as two:
        await one.put("/consumers/bob")
        numbers = iter(range(99))

        def write() -> Awaitable[Any]:
            return two.patch("/consumers/bob", {"tags": [str(next(numbers))]})

        with beaten(stores, write, times=99):
            answer = await one.patch("/consumers/bob", {"custom_id": "7"})
        assert answer.status == 409
        assert answer.json() == {"message": "The entity is being written by others: try again"}
        assert (await one.get("/consumers/bob")).json()["custom_id"] is None


async def test_puts_of_one_name_make_one_row(admin: AdminClient) -> None:
    answers = await asyncio.gather(*(admin.put("/consumers/bob") for _ in range(8)))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.json()["id"] for answer in answers}) == 1


async def test_a_row_that_is_deleted_while_it_is_put_is_created_again() -> None:
    stores = MemoryDatabase()
    async with serving(stores) as client:
        await client.put("/consumers/bob")
        replace, times = stores.consumers.replace, iter([True])

        async def too_late(entity: Consumer, **options: Any) -> int | None:
            if next(times, False):
                await stores.consumers.delete(entity.id)
            return await replace(entity, **options)

        stores.consumers.replace = too_late  # type: ignore[method-assign]  # somebody is faster
        assert (await client.put("/consumers/bob", {"custom_id": "7"})).status == 200
        assert (await client.get("/consumers/bob")).json()["custom_id"] == "7"


async def test_a_row_that_is_deleted_while_it_is_patched_is_gone() -> None:
    stores = MemoryDatabase()
    async with serving(stores) as client:
        await client.put("/consumers/bob")

        async def gone(_entity: Consumer, **_options: Any) -> None:
            return None

        stores.consumers.replace = gone  # type: ignore[method-assign]  # somebody is faster
        answer = await client.patch("/consumers/bob", {})
    assert answer.status == 404
    assert answer.json()["code"] == 6


async def test_a_put_that_never_gets_its_turn_gives_up() -> None:
    stores = MemoryDatabase()
    async with serving(stores) as client:
        await client.put("/consumers/bob")

        async def gone(_entity: Consumer, **_options: Any) -> None:
            return None

        stores.consumers.replace = gone  # type: ignore[method-assign]  # always somebody is faster
        answer = await client.put("/consumers/bob", {})
    assert answer.status == 409


async def test_what_no_store_can_keep_is_a_bad_request(quick: AdminClient) -> None:
    values: dict[str, Any] = {"name": "r", "headers": {"x": ["a\x00b"]}}
    answer = await quick.post("/routes", values)
    assert answer.status == 400
    assert answer.json()["fields"] == {"headers": "has a value that cannot be stored"}


@pytest.mark.parametrize("path", ["/consumers/%FF", "/key-auths-enc/%FF", "/routes/%FF"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_a_name_that_is_no_text_is_refused(
    quick: AdminClient, method: str, path: str
) -> None:
    answer = await quick.send(method, path)
    assert answer.status == 400
    assert answer.json()["code"] == 10
    assert answer.json()["name"].startswith("invalid unique ")
