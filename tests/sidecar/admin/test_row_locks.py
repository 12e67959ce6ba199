"""One writer at a time."""

import asyncio
import gc

from sidecar.admin.row_locks import RowLocks


async def test_writers_of_a_row_take_turns_and_others_do_not_wait() -> None:
    locks = RowLocks()
    order: list[str] = []

    async def write(name: str, row: str, leave: asyncio.Event) -> None:
        async with locks.of(row):
            order.append(name)
            await leave.wait()

    first, free = asyncio.Event(), asyncio.Event()
    free.set()
    async with asyncio.TaskGroup() as writers:
        writers.create_task(write("first", "a", first))
        await asyncio.sleep(0)
        writers.create_task(write("second", "a", free))
        writers.create_task(write("other", "b", free))
        for _ in range(3):
            await asyncio.sleep(0)
        assert order == ["first", "other"]
        first.set()
    assert order == ["first", "other", "second"]


async def test_locks_that_nobody_holds_are_forgotten() -> None:
    locks = RowLocks()
    async with locks.of("a"):
        assert len(locks._locks) == 1
    gc.collect()
    assert not locks._locks
