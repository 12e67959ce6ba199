"""Every kind of store that the product has, by name."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from authsvc.memory import MemoryDatabase
from authsvc.postgres.database import Database
from authsvc.store import Stores

KINDS = ("memory", "postgres")


@contextmanager
def place(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Yield the URL of a new database if the fixture's parameter is ``postgres``, else None.

    Not to be called from within a loop: the server may have to be started.
    """
    if request.param == "memory":
        yield None
        return
    with request.getfixturevalue("postgres_server").new_database() as url:
        yield url


@asynccontextmanager
async def opened(url: str | None) -> AsyncIterator[Stores]:
    """Yield the stores of a database, or stores in memory; emptied."""
    if url is None:
        yield MemoryDatabase()
        return
    async with Database.open(url, pool_size=2) as database:
        await _empty(database)
        yield database


async def _empty(stores: Stores) -> None:
    # Credentials and ACL entries go with their consumers.
    for store in (
        stores.consumers,
        stores.plugins,
        stores.routes,
        stores.services,
        stores.tokens,
    ):
        while found := await store.page(size=1000):
            for entity in found:
                await store.delete(entity.id)
