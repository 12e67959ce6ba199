"""A database to import into."""

from collections.abc import AsyncIterator

import pytest

from authsvc.postgres import Database
from tests.fakes.admin_api import sealer
from tests.fakes.imports import NOW, Importer


@pytest.fixture
async def importer(database_url: str) -> AsyncIterator[Importer]:
    """One who imports, at a moment of the past."""
    async with Database.open(database_url, pool_size=3, clock=lambda: NOW) as database:
        yield Importer(database, sealer())
