"""The database as a whole: away, hanging, and back."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest

from authsvc.errors import DatabaseUrlError, StoreUnavailableError
from authsvc.postgres import Database
from authsvc.postgres.migrate import migrate
from authsvc.store import Stores
from sidecar.embedded_postgres import EmbeddedPostgres
from tests.deadline import eventually
from tests.fakes.entities import (
    a_consumer,
    a_credential,
    a_digest,
    a_service,
    a_wrapped_key,
    an_id,
)
from tests.fakes.found_credential import find_credential

DIGEST = a_digest("key-2")
CALLS: dict[str, Callable[[Stores], Awaitable[object]]] = {
    "get": lambda stores: stores.consumers.get(an_id(1)),
    "find": lambda stores: stores.consumers.find(username="ann"),
    "page": lambda stores: stores.consumers.page(size=1),
    "insert": lambda stores: stores.consumers.insert(a_consumer(1)),
    "replace": lambda stores: stores.consumers.replace(a_consumer(1)),
    "delete": lambda stores: stores.consumers.delete(an_id(1)),
    "find_credential": lambda stores: find_credential(stores.directory, DIGEST),
    "find_consumer": lambda stores: stores.directory.find_consumer("ann"),
    "head": lambda stores: stores.changes.head(),
    "since": lambda stores: stores.changes.since(0),
    "report": lambda stores: stores.board.report("w", 1),
    "leave": lambda stores: stores.board.leave("w"),
    "slowest": lambda stores: stores.board.slowest(),
    "load": lambda stores: stores.keyring.load(),
    "add": lambda stores: stores.keyring.add(a_wrapped_key("key00001")),
}
SECRET = "secret-word"


@pytest.fixture
async def hanging_url(tmp_path: Path) -> AsyncIterator[str]:
    """A server that takes connections and never says a word."""
    connections: list[asyncio.StreamWriter] = []

    def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)

    server = await asyncio.start_unix_server(accept, tmp_path / ".s.PGSQL.5432")
    yield f"postgresql://u:{SECRET}@/d?host={tmp_path}"
    server.close()
    for writer in connections:
        writer.close()


@pytest.mark.parametrize("call", CALLS)
async def test_without_a_server_every_call_is_unavailable(tmp_path: Path, call: str) -> None:
    url = f"postgresql://u:{SECRET}@/d?host={tmp_path}"
    async with Database.open(url, pool_size=1) as database:
        with pytest.raises(StoreUnavailableError) as caught:
            await CALLS[call](database)
    assert SECRET not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


async def test_a_wait_does_not_mind_that_the_server_is_away(tmp_path: Path) -> None:
    url = f"postgresql://u:{SECRET}@/d?host={tmp_path}"
    async with Database.open(url, pool_size=1) as database:
        await database.changes.wait(0.01)


async def test_a_server_that_hangs_is_given_up(hanging_url: str) -> None:
    async with Database.open(hanging_url, pool_size=1) as database:
        with pytest.raises(StoreUnavailableError, match="in time"):
            await find_credential(database.directory, DIGEST)


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's connection to the same database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_a_read_that_hangs_is_given_up_and_its_connection_not_lost(
    database_url: str, other: asyncpg.Connection
) -> None:
    async with Database.open(database_url, pool_size=1) as database:
        async with other.transaction():
            await other.execute("LOCK TABLE consumers IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(StoreUnavailableError, match="in time"):
                await database.directory.find_consumer("ann")
        assert await database.directory.find_consumer("ann") is None


async def test_a_pool_that_is_exhausted_is_given_up(
    database_url: str, other: asyncpg.Connection
) -> None:
    async with Database.open(database_url, pool_size=1) as database:
        async with other.transaction():
            await other.execute("LOCK TABLE change_counter IN ACCESS EXCLUSIVE MODE")
            write = asyncio.create_task(database.services.insert(a_service(1)))

            async def waits() -> bool:
                return bool(await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

            await eventually(waits, "the write to have the only connection")
            with pytest.raises(StoreUnavailableError, match="in time"):
                await database.directory.find_consumer("ann")
        assert await write == 1


async def test_a_caller_that_gives_up_leaves_the_pool_whole(database_url: str) -> None:
    async with Database.open(database_url, pool_size=1) as database:
        for _ in range(5):
            read = asyncio.create_task(database.directory.find_consumer("ann"))
            await asyncio.sleep(0.001)
            read.cancel()
            await asyncio.wait({read})
        assert await database.directory.find_consumer("ann") is None


REFUSALS = {
    "a wrong password": (
        lambda url: url.replace("tollkeeper:", "tollkeeper:x"),
        "refused the login",
    ),
    "an unknown database": (lambda url: url.replace("@/test_", "@/none_"), "does not exist"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_a_refusal_says_what_is_wrong_and_no_more(database_url: str, name: str) -> None:
    change, why = REFUSALS[name]
    async with Database.open(change(database_url), pool_size=1) as database:
        with pytest.raises(StoreUnavailableError, match=why) as caught:
            await database.changes.head()
    assert "tollkeeper" not in str(caught.value)


async def test_a_database_without_a_schema_is_unavailable(
    database_url: str, other: asyncpg.Connection
) -> None:
    await other.execute("DROP TABLE workers")
    async with Database.open(database_url, pool_size=1) as database:
        with pytest.raises(StoreUnavailableError, match="42P01"):
            await database.board.slowest()


MALFORMED = {
    "another scheme": f"mysql://u:{SECRET}@h/d",
    "no scheme": SECRET,
    "a port that is none": f"postgresql://u:{SECRET}@h:{SECRET}/d",
    "an option that is none": f"postgresql://u@h/d?sslmode={SECRET}",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_url_is_refused_without_being_shown(name: str) -> None:
    with pytest.raises(DatabaseUrlError) as caught:
        async with Database.open(MALFORMED[name], pool_size=1):
            pass
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_a_killed_server_is_unavailable_and_works_again_when_it_is_back(
    tmp_path: Path,
) -> None:
    embedded = EmbeddedPostgres(tmp_path / "var", settings={"fsync": "off"})
    async with embedded as url:
        await migrate(url)
        async with Database.open(url, pool_size=2) as database:
            await database.consumers.insert(a_consumer(1))
            await database.credentials.insert(a_credential(2, of=1))
            status = (tmp_path / "var" / "postgres" / "postmaster.pid").read_text()
            os.kill(int(status.splitlines()[0]), signal.SIGKILL)

            async def is_away() -> bool:
                try:
                    await find_credential(database.directory, DIGEST)
                except StoreUnavailableError:
                    return True
                return False

            async def is_back() -> bool:
                return not await is_away()

            await eventually(is_away, "the server to be gone")
            await eventually(is_back, "the server to be back", within=60.0)
            assert await find_credential(database.directory, DIGEST) is not None
            assert await database.services.insert(a_service(3)) == 3
