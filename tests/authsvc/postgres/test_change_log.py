"""The change log on Postgres: what only transactions can get wrong."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from authsvc.errors import UniqueViolationError
from authsvc.kinds import Written
from authsvc.postgres import Database
from authsvc.postgres.connections import Lease
from authsvc.store import Retention
from tests.deadline import eventually
from tests.fakes.entities import a_consumer, a_service, an_id


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url, pool_size=4) as database:
        yield database


class SlowWrite:
    """A transaction that has its seq, and commits when told to."""

    def __init__(self, database: Database, *, fails: bool = False) -> None:
        self.appended = asyncio.Event()
        self.may_commit = asyncio.Event()
        self._database = database
        self._fails = fails

    async def run(self) -> int:
        return await self._database.changes.write(self._work)

    async def _work(self, lease: Lease) -> int:
        seq = await self._database.changes.append(lease, (Written("services", "slow"),))
        self.appended.set()
        await self.may_commit.wait()
        if self._fails:
            raise UniqueViolationError(("name",))
        return seq


async def waiting_for_a_lock(url: str) -> bool:
    connection = await asyncpg.connect(url)
    try:
        return bool(await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))
    finally:
        await connection.close()


async def test_no_change_is_seen_before_an_earlier_one(
    database: Database, database_url: str
) -> None:
    slow = SlowWrite(database)
    first = asyncio.create_task(slow.run())
    await slow.appended.wait()
    second = asyncio.create_task(database.services.insert(a_service(1)))
    # With a sequence, the second would be committed by now, and the first seen after it.
    await eventually(lambda: waiting_for_a_lock(database_url), "the second write to wait")
    assert (await database.changes.since(0)).changes == ()
    slow.may_commit.set()
    assert (await first, await second) == (1, 2)
    changes = (await database.changes.since(0)).changes
    assert [change.entity_id for change in changes] == ["slow", an_id(1)]


async def test_a_write_that_fails_after_it_had_a_seq_leaves_no_gap(
    database: Database, database_url: str
) -> None:
    slow = SlowWrite(database, fails=True)
    first = asyncio.create_task(slow.run())
    await slow.appended.wait()
    second = asyncio.create_task(database.services.insert(a_service(1)))
    await eventually(lambda: waiting_for_a_lock(database_url), "the second write to wait")
    slow.may_commit.set()
    with pytest.raises(UniqueViolationError):
        await first
    assert await second == 1


async def test_writes_that_the_database_wants_repeated_are_repeated(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(
        f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"
    )
    await connection.close()
    async with Database.open(database_url, pool_size=4) as database:
        seqs = await asyncio.gather(
            *(database.consumers.insert(a_consumer(number)) for number in range(20))
        )
    assert sorted(seqs) == list(range(1, 21))


async def test_a_server_without_notifications_is_written_to_and_polled(
    database: Database, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER FUNCTION pg_notify(text, text) RENAME TO was_pg_notify")
    await connection.close()
    assert await database.services.insert(a_service(1)) == 1
    await database.changes.wait(0.01)
    assert len((await database.changes.since(0)).changes) == 1


async def test_a_transaction_notifies_once(database: Database, database_url: str) -> None:
    heard: list[str] = []
    connection = await asyncpg.connect(database_url)
    await connection.add_listener("tollkeeper_changes", lambda *event: heard.append(str(event[-1])))

    async def two(lease: Lease) -> int:
        entries = (Written("services", "a"), Written("services", "b"))
        return await database.changes.append(lease, entries)

    before = len(heard)
    await database.changes.write(two)
    await database.changes.write(two)

    async def heard_both() -> bool:
        await connection.execute("SELECT 1")
        return len(heard) >= before + 2

    await eventually(heard_both, "two notifications")
    await connection.close()
    # One of the first write's asked whether notifications are possible at all.
    assert heard[-2:] == ["", ""]
    assert len(heard) <= 3


async def test_a_listener_that_was_cut_off_listens_again(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authsvc.postgres.change_hints._RETRY_SECONDS", 0.01)

    async def woken() -> bool:
        wait = asyncio.create_task(database.changes.wait(1000))
        await asyncio.sleep(0)
        await database.services.insert(a_service(1))
        await database.services.delete(an_id(1))
        done, _ = await asyncio.wait({wait}, timeout=0.2)
        wait.cancel()
        return bool(done)

    await eventually(woken, "a hint")
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE query ILIKE '%select 1%' AND pid <> pg_backend_pid()"
    )
    await connection.close()
    await eventually(woken, "a hint after the connection was lost")


async def test_pruning_runs_once_for_so_many_changes(database_url: str) -> None:
    retention = Retention(changes=5, seconds=0.0, every=10)
    async with Database.open(database_url, pool_size=1, retention=retention) as database:
        for number in range(19):
            await database.services.insert(a_service(number))
        assert (await database.changes.since(5)).complete  # pruned at 10, not since
        await database.services.insert(a_service(19))
        assert not (await database.changes.since(14)).complete
        assert (await database.changes.since(15)).complete


async def test_pruning_leaves_no_hole_where_a_clock_went_back(database_url: str) -> None:
    retention = Retention(changes=2, seconds=60.0, every=1)
    async with Database.open(database_url, pool_size=1, retention=retention) as database:
        for number in range(6):
            await database.services.insert(a_service(number))
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "UPDATE change_log SET written_at = now() - interval '1 hour' WHERE seq IN (1, 3)"
        )
        await connection.close()
        await database.services.insert(a_service(6))
        kept = (await database.changes.since(1)).changes
    assert [change.seq for change in kept] == [2, 3, 4, 5, 6, 7]
