"""Fixtures for the tests of the Admin API."""

from collections.abc import AsyncIterator, Iterator

import pytest

from authsvc.memory import MemoryDatabase
from authsvc.store import Stores
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving
from tests.fakes.stores import KINDS, opened, place


@pytest.fixture(params=KINDS, scope="module")
def store_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Where the stores of a module's tests are: a database of their own, or (None) in memory."""
    with place(request) as url:
        yield url


@pytest.fixture
async def stores(store_url: str | None) -> AsyncIterator[Stores]:
    """Each kind of store, empty."""
    async with opened(store_url) as stores:
        yield stores


@pytest.fixture
async def admin(stores: Stores) -> AsyncIterator[AdminClient]:
    """A client of an Admin API on each kind of store."""
    async with serving(stores) as client:
        yield client


@pytest.fixture
async def quick() -> AsyncIterator[AdminClient]:
    """A client of an Admin API in memory, for what no store has a part in."""
    async with serving(MemoryDatabase()) as client:
        yield client
