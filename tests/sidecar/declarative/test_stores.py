"""What is declared is in the stores, whole; and whoever follows them hears of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from authsvc.apikey import ApiKey
from authsvc.memory import MemoryDatabase
from sidecar.declarative.stores import Loader
from tests.deadline import eventually
from tests.fakes.admin_api import sealer
from tests.fakes.declarations import Published, a_consumer, declared
from tests.fakes.found_credential import find_credential

FIRST = declared(
    consumers=[a_consumer("a", "key-a")],
    acls=[{"consumer": "a", "group": "g"}],
    services=[{"name": "s", "host": "h"}],
    routes=[{"name": "r", "service": "s"}],
    plugins=[{"name": "key-auth", "route": "r"}],
)


@asynccontextmanager
async def loading(
    published: Published, *, with_keys: bool = True
) -> AsyncIterator[tuple[MemoryDatabase, "Loader[MemoryDatabase]"]]:
    database = MemoryDatabase()
    loader = Loader(
        published,
        database=database,
        make=MemoryDatabase,
        sealer=sealer() if with_keys else None,
    )
    async with loader.following():
        yield database, loader


async def test_everything_that_is_declared_can_be_looked_up() -> None:
    async with loading(Published(FIRST)) as (database, loader):
        consumer = await database.consumers.find(username="a")
        assert consumer == FIRST.consumers[0]
        found = await find_credential(database.directory, sealer().digest(ApiKey(b"key-a")))
        assert found is not None
        assert (found.owner.consumer, found.owner.groups) == (consumer, ("g",))
        assert sealer().proves(found.credential, ApiKey(b"key-a"))
        (route,) = await database.routes.page(size=9, service_id=FIRST.services[0].id)
        assert await database.plugins.find(name="key-auth", route_id=route.id, service_id=None)
        assert loader.edition.declaration is FIRST


async def test_another_edition_replaces_all_of_the_one_before() -> None:
    published = Published(FIRST)
    async with loading(published) as (database, loader):
        consumers = database.consumers  # as everybody holds it who uses it
        published.put(declared(consumers=[a_consumer("b", "key-b")]))
        await eventually(lambda: published.were_applied == [1, 2], "the second edition")
        assert [each.username for each in await consumers.page(size=9)] == ["b"]
        assert not await database.routes.page(size=9)
        assert await find_credential(database.directory, sealer().digest(ApiKey(b"key-a"))) is None
        assert loader.edition.number == 2
        assert loader.is_following()
    assert not loader.is_following()


async def test_whoever_follows_has_to_read_everything_again() -> None:
    published = Published(FIRST)
    async with loading(published) as (database, _):
        head = await database.changes.head()
        waiting = asyncio.create_task(database.changes.wait(60))
        await asyncio.sleep(0)
        published.put(declared())
        await asyncio.wait_for(waiting, 10)
        assert not (await database.changes.since(head)).complete
        assert (await database.changes.since(await database.changes.head())).complete


async def test_an_edition_counts_as_applied_once_the_worker_goes_by_it() -> None:
    published = Published(FIRST)
    async with loading(published) as (database, _):
        await database.board.report("slow", await database.changes.head())
        published.put(declared())
        await eventually(lambda: database.consumers._rows == {}, "the second edition to be there")
        assert published.were_applied == [1]
        await database.board.report("slow", await database.changes.head())
        await eventually(lambda: published.were_applied == [1, 2], "the worker's word")


async def test_who_has_nothing_to_do_with_keys_has_none() -> None:
    async with loading(Published(FIRST), with_keys=False) as (database, _):
        assert await database.consumers.page(size=9)
        assert not await database.credentials.page(size=9)


async def test_tokens_and_the_ring_are_not_touched() -> None:
    published = Published(FIRST)
    async with loading(published) as (database, _):
        keyring, audit = database.keyring, database.audit
        published.put(declared())
        await eventually(lambda: published.were_applied == [1, 2], "the second edition")
        assert (database.keyring, database.audit) == (keyring, audit)
