"""Rotations over both kinds of store: rows, rings and processes that come and go."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import asyncpg
import pytest

from authsvc.apikey import ApiKey
from authsvc.entities import StoredCredential
from authsvc.errors import (
    KeyRemovedError,
    LeaseLostError,
    RingChangedError,
    RotationRunningError,
)
from authsvc.keyring import key_id_of
from authsvc.ring_store import Batch, Rotation
from authsvc.sealing import INDEX
from authsvc.store import Stores
from tests.contract.harness import Clock
from tests.deadline import eventually
from tests.fakes.entities import a_consumer, a_wrapped_key, an_id
from tests.fakes.found_credential import find_credential
from tests.fakes.ring import Held, held_ring, hold

ROWS = 7


def a_rotation(target: str, **fields: Any) -> Rotation:
    chosen = {"purpose": "data", "status": "running", "total": 1, "started_at": 1} | fields
    return Rotation(target=target, **chosen)


async def filled(stores: Stores) -> Held:
    """Make a ring, and rows under it."""
    held = await held_ring(stores)
    await stores.consumers.insert(a_consumer(1))
    for number in range(1, ROWS + 1):
        await stores.credentials.insert(sealed(held, number))
    return held


def sealed(held: Held, number: int) -> StoredCredential:
    return held.sealer.seal(
        ApiKey.from_text(f"key-{number}"),
        credential_id=an_id(number),
        consumer_id=an_id(1),
        created_at=1,
    )


def another_process(stores: Stores, held: Held, **options: Any) -> Held:
    """Return what a second process has of the same ring."""
    return hold(stores, held.custodian, held.sealer, **options)


async def rows_by_key(stores: Stores) -> dict[str, int]:
    return dict(await stores.keyring.usage())


async def assert_all_open(stores: Stores, held: Held) -> None:
    for row in await stores.credentials.page(size=100):
        number = int(row.id[:8], 16)
        assert held.sealer.reveal(row) == ApiKey.from_text(f"key-{number}")


async def test_every_row_comes_under_the_new_key(stores: Stores) -> None:
    held = await filled(stores)
    before = {row.id: row for row in await stores.credentials.page(size=100)}
    old = held.sealer.active
    rotation, seq = await held.rotator.begin()
    assert rotation.target == held.sealer.active != old
    assert rotation.total == ROWS
    assert seq == await stores.changes.head()
    assert await held.rotator.work() is True

    assert await rows_by_key(stores) == {rotation.target: ROWS}
    await assert_all_open(stores, held)
    for row in await stores.credentials.page(size=100):
        assert replace(row, sealed_key=b"") == replace(before[row.id], sealed_key=b"")
    ended = await stores.rotation.read()
    assert ended is not None
    assert (ended.status, ended.done, ended.failed) == ("done", ROWS, 0)
    assert ended.finished_at is not None
    assert await held.rotator.work() is False
    await held.custodian.remove(old)


async def test_there_is_one_rotation_at_a_time(stores: Stores) -> None:
    held = await filled(stores)
    assert await stores.rotation.read() is None
    await held.rotator.begin()
    keys = list(await stores.keyring.load())
    with pytest.raises(RotationRunningError):
        await held.rotator.begin()
    assert list(await stores.keyring.load()) == keys
    await held.rotator.work()
    await held.rotator.begin()


async def test_another_process_goes_on_where_one_has_died(stores: Stores, clock: Clock) -> None:
    held = await filled(stores)
    rotation, _ = await held.rotator.begin()
    assert await stores.rotation.claim("dead", seconds=0.05)
    await stores.rotation.reseal(
        "dead", held.sealer.reseal, under=None, after=None, size=3, seconds=0.05
    )
    assert (await rows_by_key(stores))[rotation.target] == 3

    async def taken_over() -> bool:
        clock.now += 1
        return await held.rotator.work()

    await eventually(taken_over, "the lease of the dead to end")
    assert await rows_by_key(stores) == {rotation.target: ROWS}
    ended = await stores.rotation.read()
    assert ended is not None
    assert (ended.status, ended.done) == ("done", ROWS)  # nothing was done twice


async def test_only_who_holds_the_lease_changes_rows(stores: Stores) -> None:
    held = await filled(stores)
    rotation, _ = await held.rotator.begin()
    assert await stores.rotation.claim("one", seconds=60)
    assert await stores.rotation.claim("one", seconds=60)
    assert await stores.rotation.claim("two", seconds=60) is None
    batch: dict[str, Any] = {"under": None, "after": None, "size": 3, "seconds": 60}
    with pytest.raises(LeaseLostError):
        await stores.rotation.reseal("two", held.sealer.reseal, **batch)
    with pytest.raises(LeaseLostError):
        await stores.rotation.finish("two", rotation)
    assert rotation.target not in await rows_by_key(stores)
    assert await stores.rotation.reseal("one", held.sealer.reseal, **batch) == Batch(3, 0, an_id(3))


async def test_of_many_processes_one_works(stores: Stores) -> None:
    held = await filled(stores)
    others = [another_process(stores, held, batch=2) for _ in range(3)]
    rotation, _ = await held.rotator.begin()
    worked = await asyncio.gather(*(other.rotator.work() for other in others))
    assert sorted(worked) == [False, False, True]
    assert await rows_by_key(stores) == {rotation.target: ROWS}


async def test_rows_written_meanwhile_end_under_the_new_key(stores: Stores) -> None:
    held = await filled(stores)
    stale = await held_ring(stores)  # does not hear of the rotation
    working = another_process(stores, held, batch=1)
    await held.rotator.begin()

    async def write() -> None:
        for number in range(ROWS + 1, ROWS + 6):
            await stores.credentials.insert(sealed(stale, number))
            await stores.credentials.replace(replace(sealed(stale, number - ROWS), tags=("t",)))

    await asyncio.gather(working.rotator.work(), write())
    await working.rotator.work()
    left = {row.id for row in await stores.credentials.page(size=100) if is_under(row, stale)}
    rotation = await stores.rotation.read()
    assert rotation is not None
    if left:  # written after the end; the old key cannot be removed under them
        assert rotation.status == "done"
    await assert_all_open(stores, held)
    tagged = [row for row in await stores.credentials.page(size=100) if row.tags == ("t",)]
    assert len(tagged) == 5


def is_under(row: StoredCredential, held: Held) -> bool:
    return key_id_of(row.sealed_key) == held.sealer.active


async def test_a_row_that_does_not_open_is_counted_and_left(stores: Stores) -> None:
    held = await filled(stores)
    broken = replace(sealed(held, 3), sealed_key=sealed(held, 4).sealed_key)
    await stores.credentials.replace(broken)
    old = held.sealer.active
    rotation, _ = await held.rotator.begin()
    await held.rotator.work()
    ended = await stores.rotation.read()
    assert ended is not None
    assert (ended.status, ended.done, ended.failed) == ("incomplete", ROWS - 1, 1)
    assert await rows_by_key(stores) == {rotation.target: ROWS - 1, old: 1}
    assert await stores.credentials.get(an_id(3)) == broken


async def test_a_target_that_is_no_longer_active_is_given_up(stores: Stores) -> None:
    held = await filled(stores)
    old = held.sealer.active
    await held.rotator.begin()
    await held.custodian.activate(old)
    await held.rotator.work()
    ended = await stores.rotation.read()
    assert ended is not None
    assert ended.status == "incomplete"
    assert await rows_by_key(stores) == {old: ROWS}
    await held.rotator.begin()


async def test_nobody_activates_another_key_within_a_batch(stores: Stores) -> None:
    held = await filled(stores)
    await stores.rotation.begin(a_wrapped_key("key00002"), a_rotation("key00002"))
    await stores.keyring.activate("key00002")
    await stores.keyring.add(a_wrapped_key("key00003"))
    await stores.rotation.claim("one", seconds=60)
    await stores.keyring.activate("key00003")
    with pytest.raises(RingChangedError):
        await stores.rotation.reseal(
            "one", held.sealer.reseal, under=None, after=None, size=1, seconds=60
        )


async def test_what_a_batch_seals_is_counted_before(stores: Stores) -> None:
    held = await filled(stores)
    rotation, _ = await held.rotator.begin()
    await held.rotator.work()
    [target] = [key for key in await stores.keyring.load() if key.id == rotation.target]
    assert target.encryptions >= ROWS


async def test_rows_that_somebody_holds_are_waited_for_at_the_end(
    stores: Stores, url: str | None
) -> None:
    if url is None:
        return  # nobody holds a row in memory
    held = await filled(stores)
    holder = await asyncpg.connect(url)
    holding = holder.transaction()
    await holding.start()
    await holder.execute("SELECT 1 FROM credentials WHERE id = $1 FOR UPDATE", an_id(2))
    rotation, _ = await held.rotator.begin()
    work = asyncio.create_task(held.rotator.work())

    async def all_but_one() -> bool:
        return (await rows_by_key(stores)).get(rotation.target) == ROWS - 1

    await eventually(all_but_one, "the rows that nobody holds")
    assert not work.done()
    await holding.rollback()
    await holder.close()
    assert await work
    assert await rows_by_key(stores) == {rotation.target: ROWS}


async def test_a_worker_of_the_rotation_that_is_stopped_leaves_nothing_half_done(
    stores: Stores, clock: Clock
) -> None:
    held = await filled(stores)
    working = another_process(stores, held, batch=1, lease=0.05)
    rotation, _ = await held.rotator.begin()
    work = asyncio.create_task(working.rotator.work())
    await eventually(_some_done(stores, rotation.target), "a row to be done")
    work.cancel()
    await asyncio.wait((work,))
    await assert_all_open(stores, held)

    async def taken_over() -> bool:
        clock.now += 1
        await held.rotator.work()
        return await rows_by_key(stores) == {rotation.target: ROWS}

    await eventually(taken_over, "another process to go on")


def _some_done(stores: Stores, target: str) -> Callable[[], Any]:
    async def check() -> bool:
        return target in await rows_by_key(stores)

    return check


async def index_keys(stores: Stores) -> list[str]:
    return [key.id for key in await stores.keyring.load() if key.purpose == INDEX]


async def test_every_row_comes_to_be_found_by_the_new_index_key_alone(stores: Stores) -> None:
    held = await filled(stores)
    [old] = await index_keys(stores)
    before = {row.id: row for row in await stores.credentials.page(size=100)}
    working = another_process(stores, held, batch=2, writers=0.0)
    rotation, _ = await working.rotator.begin(INDEX)
    assert sorted(await index_keys(stores)) == sorted([old, rotation.target])
    assert held.sealer.changes_index
    await working.rotator.work()

    assert await index_keys(stores) == [rotation.target]
    assert not held.sealer.changes_index
    for row in await stores.credentials.page(size=100):
        assert row.digest == held.sealer.digest(held.sealer.reveal(row))
        assert row.digest != before[row.id].digest
        assert (before[row.id].index_key_id, row.index_key_id) == (old, rotation.target)
        assert without_index(row) == without_index(before[row.id])
        known = await find_credential(stores.directory, row.digest)
        assert known is not None
        assert known.credential == row
    ended = await stores.rotation.read()
    assert ended is not None
    assert (ended.status, ended.done) == ("done", ROWS)


def without_index(row: StoredCredential) -> StoredCredential:
    return replace(row, digest=b"", index_key_id=None)


async def test_a_writer_that_slept_through_an_index_rotation_stores_nothing(
    stores: Stores,
) -> None:
    held = await filled(stores)
    sleeper = await held_ring(stores)
    working = another_process(stores, held, writers=0.0)
    await working.rotator.begin(INDEX)
    await working.rotator.work()
    late = sealed(sleeper, ROWS + 1)
    with pytest.raises(KeyRemovedError):
        await stores.credentials.insert(late)
    with pytest.raises(KeyRemovedError):
        await stores.credentials.replace(sealed(sleeper, 1))
    assert await stores.credentials.get(late.id) is None
    await sleeper.custodian.reload()
    await stores.credentials.insert(sealed(sleeper, ROWS + 1))
    await assert_all_open(stores, held)


async def test_a_row_written_by_the_old_index_key_before_it_goes_is_brought_along(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await filled(stores)
    sleeper = await held_ring(stores)
    working = another_process(stores, held, writers=0.0)
    rotation, _ = await working.rotator.begin(INDEX)
    remove, late = stores.keyring.remove, [sealed(sleeper, ROWS + 1)]

    async def just_in_time(key_id: str) -> int | None:
        if late:  # after the last pass over the rows, before the key is gone
            await stores.credentials.insert(late.pop())
        return await remove(key_id)

    monkeypatch.setattr(stores.keyring, "remove", just_in_time)
    await working.rotator.work()
    assert await index_keys(stores) == [rotation.target]
    rows = await stores.credentials.page(size=100)
    assert {row.index_key_id for row in rows} == {rotation.target}
    assert len(rows) == ROWS + 1
    await assert_all_open(stores, held)


async def test_rows_from_before_index_keys_were_noted_are_brought_along(stores: Stores) -> None:
    held = await filled(stores)
    await stores.credentials.replace(replace(sealed(held, 2), index_key_id=None))
    working = another_process(stores, held, writers=0.0)
    rotation, _ = await working.rotator.begin(INDEX)
    await working.rotator.work()
    assert await index_keys(stores) == [rotation.target]
    rows = await stores.credentials.page(size=100)
    assert {row.index_key_id for row in rows} == {rotation.target}


async def test_no_row_changes_its_index_before_every_worker_knows_the_key(stores: Stores) -> None:
    held = await filled(stores)
    await stores.board.report("a worker that is behind", await stores.changes.head())
    working = another_process(stores, held, writers=0.0)
    before = {row.digest for row in await stores.credentials.page(size=100)}
    _, seq = await working.rotator.begin(INDEX)
    work = asyncio.create_task(working.rotator.work())
    await asyncio.wait((work,), timeout=0.5)
    assert {row.digest for row in await stores.credentials.page(size=100)} == before
    await stores.board.report("a worker that is behind", seq)
    assert await work
    assert not before & {row.digest for row in await stores.credentials.page(size=100)}


async def test_an_index_key_stays_while_a_row_does_not_open(stores: Stores) -> None:
    held = await filled(stores)
    await stores.credentials.replace(
        replace(sealed(held, 3), sealed_key=sealed(held, 4).sealed_key)
    )
    working = another_process(stores, held, writers=0.0)
    await working.rotator.begin(INDEX)
    await working.rotator.work()
    ended = await stores.rotation.read()
    assert ended is not None
    assert (ended.status, ended.failed) == ("incomplete", 1)
    assert len(await index_keys(stores)) == 2


async def test_an_index_key_stays_while_somebody_holds_a_row(
    stores: Stores, url: str | None
) -> None:
    if url is None:
        return  # nobody holds a row in memory
    held = await filled(stores)
    working = another_process(stores, held, writers=0.0)
    rotation, _ = await working.rotator.begin(INDEX)
    holder = await asyncpg.connect(url)
    holding = holder.transaction()
    await holding.start()
    await holder.execute("SELECT 1 FROM credentials WHERE id = $1 FOR UPDATE", an_id(2))
    work = asyncio.create_task(working.rotator.work())
    await asyncio.wait((work,), timeout=0.5)
    both = await index_keys(stores)
    await holding.rollback()
    await holder.close()
    assert len(both) == 2
    assert await work
    assert await index_keys(stores) == [rotation.target]
    await assert_all_open(stores, held)


async def test_an_index_rotation_goes_on_after_a_crash(stores: Stores, clock: Clock) -> None:
    held = await filled(stores)
    working = another_process(stores, held, batch=1, lease=0.05, writers=60.0)
    rotation, _ = await working.rotator.begin(INDEX)
    work = asyncio.create_task(working.rotator.work())

    async def activated() -> bool:
        return any(key.id == rotation.target and key.active for key in await stores.keyring.load())

    await eventually(activated, "the index key to be in use")
    work.cancel()
    await asyncio.wait((work,))
    other = another_process(stores, held, writers=0.0)

    async def taken_over() -> bool:
        clock.now += 1
        await other.rotator.work()
        return await index_keys(stores) == [rotation.target]

    await eventually(taken_over, "another process to go on")
