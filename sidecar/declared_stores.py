"""Stores in memory that hold what is declared, where there is no database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from authsvc.memory import MemoryDatabase
from authsvc.root_key import RootKey
from authsvc.sealing import Sealer
from authsvc.store import Stores
from sidecar.declarative.editions import Declarations
from sidecar.declarative.stores import Loader
from sidecar.keyring_bootstrap import ensure_keyring
from sidecar.secret import Secret


@dataclass(frozen=True, slots=True)
class DeclaredStores:
    """Stores in memory that hold what is declared, and a ring that ends with this process."""

    stores: Stores
    root_key: Secret
    loader: Loader[MemoryDatabase]


@asynccontextmanager
async def open_declared(
    declarations: Declarations, *, with_keys: bool
) -> AsyncIterator[DeclaredStores]:
    """Yield stores that hold what is in force, also when that changes.

    ``with_keys``: whether credentials are loaded.
    """
    database, text = MemoryDatabase(), RootKey.generate_base64()
    root_key = RootKey.from_base64(text)
    await ensure_keyring(database.keyring, root_key)
    sealer = Sealer.unwrap(await database.keyring.load(), root_key) if with_keys else None
    loader = Loader(declarations, database=database, make=MemoryDatabase, sealer=sealer)
    async with loader.following():
        yield DeclaredStores(database, Secret(text), loader)
