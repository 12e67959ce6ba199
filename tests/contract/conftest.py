"""Every port, over the stores in memory and on Postgres."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from authsvc.entities import Entity
from authsvc.memory import MemoryDatabase
from authsvc.postgres import Database
from authsvc.store import EntityStore, Retention, Stores
from tests.contract.harness import Clock, Harness
from tests.contract.samples import SAMPLES, Sample
from tests.fakes.entities import a_consumer, a_route, a_service
from tests.fakes.postgres import PostgresServer


@pytest.fixture(scope="session")
def shared_url(postgres_server: PostgresServer) -> Iterator[str]:
    with postgres_server.new_database() as url:
        yield url


@pytest.fixture(params=["memory", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database; None for the stores in memory."""
    if request.param == "memory":
        return None
    url: str = request.getfixturevalue("shared_url")
    request.getfixturevalue("postgres_server").empty(url)
    return url


@pytest.fixture
async def harness(url: str | None) -> AsyncIterator[Harness]:
    clock = Clock()
    async with AsyncExitStack() as stack:

        async def open_memory(retention: Retention) -> Stores:
            return MemoryDatabase(clock=clock, retention=retention)

        async def open_postgres(retention: Retention) -> Stores:
            opened = Database.open(url or "", pool_size=4, clock=clock, retention=retention)
            return await stack.enter_async_context(opened)

        async def age_memory(seconds: float) -> None:
            clock.now += seconds

        async def age_postgres(seconds: float) -> None:
            connection = await asyncpg.connect(url)
            await connection.execute(
                "UPDATE workers SET seen_at = seen_at - $1::float8 * interval '1 second'", seconds
            )
            await connection.execute(
                "UPDATE change_log SET written_at = written_at - $1::float8 * interval '1 second'",
                seconds,
            )
            await connection.close()

        if url is None:
            yield Harness(clock, open_memory, age_memory)
        else:
            yield Harness(clock, open_postgres, age_postgres)


@pytest.fixture
async def stores(harness: Harness) -> Stores:
    return await harness.open(Retention())


@pytest.fixture
def clock(harness: Harness) -> Clock:
    return harness.clock


@pytest.fixture(params=SAMPLES)
def sample(request: pytest.FixtureRequest) -> Sample:
    return SAMPLES[request.param]


@pytest.fixture
async def store(stores: Stores, sample: Sample) -> EntityStore[Entity]:
    """The sample's store, in a database that has what its references refer to."""
    for number in (1, 2):
        await stores.consumers.insert(a_consumer(number))
    await stores.services.insert(a_service(3))
    await stores.routes.insert(a_route(4))
    return sample.store(stores)
