"""Fixtures for the conformance suites."""

from collections.abc import AsyncIterator, Iterator

import pytest

from authsvc.store import Stores
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
