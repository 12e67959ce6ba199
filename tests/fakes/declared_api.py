"""The real Admin API without a database, in one process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from authsvc.memory import MemoryDatabase
from sidecar.declarative.config_endpoint import ConfigurationEndpoint
from sidecar.declarative.stores import Loader
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import sealer, serving
from tests.fakes.declarations import Published, declared


@asynccontextmanager
async def serving_declared(
    published: Published | None = None, *, reveal: bool = True, **options: Any
) -> AsyncIterator[AdminClient]:
    """Serve what is declared, at first nothing, and yield a client that may speak to it."""
    database, seals = MemoryDatabase(), sealer()
    declarations = published or Published(declared())
    loader = Loader(declarations, database=database, make=MemoryDatabase, sealer=seals)
    async with loader.following():
        configuration = ConfigurationEndpoint(
            edition=lambda: loader.edition, publish=declarations.publish, reveal=reveal
        )
        async with serving(
            database, sealer=seals, configuration=configuration, reveal_keys=reveal, **options
        ) as client:
            yield client
