"""There is one keyring, and it opens with the root key, or nothing is added to it."""

import asyncio
from collections.abc import Sequence

import pytest

from authsvc.entities import WrappedKey
from authsvc.errors import RootKeyError
from authsvc.memory import MemoryDatabase
from authsvc.root_key import RootKey
from authsvc.sealing import DATA, INDEX, Sealer
from sidecar.keyring_bootstrap import ensure_keyring

OURS = RootKey(bytes(32))
ANOTHER = RootKey(bytes([1]) * 32)


async def keys_of(database: MemoryDatabase) -> Sequence[WrappedKey]:
    return await database.keyring.load()


async def test_an_empty_ring_gets_one_active_key_of_each_purpose() -> None:
    database = MemoryDatabase()
    await ensure_keyring(database.keyring, OURS, clock=lambda: 1234.5)
    keys = await keys_of(database)
    assert sorted(key.purpose for key in keys) == [DATA, INDEX]
    assert all(key.active and key.created_at == 1234 for key in keys)
    Sealer.unwrap(keys, OURS)


async def test_a_ring_that_is_there_stays_as_it_is() -> None:
    database = MemoryDatabase()
    await ensure_keyring(database.keyring, OURS)
    before = await keys_of(database)
    await ensure_keyring(database.keyring, OURS)
    assert await keys_of(database) == before


async def test_any_number_of_processes_make_one_ring() -> None:
    database = MemoryDatabase()
    await asyncio.gather(*(ensure_keyring(database.keyring, OURS) for _ in range(8)))
    assert len(await keys_of(database)) == 2


async def test_a_ring_of_another_root_key_is_refused_and_left_alone() -> None:
    database = MemoryDatabase()
    await ensure_keyring(database.keyring, ANOTHER)
    before = await keys_of(database)
    with pytest.raises(RootKeyError):
        await ensure_keyring(database.keyring, OURS)
    assert await keys_of(database) == before


async def test_half_a_ring_is_completed() -> None:
    database, whole = MemoryDatabase(), MemoryDatabase()
    await ensure_keyring(whole.keyring, OURS)
    [half] = [key for key in await keys_of(whole) if key.purpose == DATA]
    await database.keyring.add(half)
    await ensure_keyring(database.keyring, OURS)
    assert len(await keys_of(database)) == 2


async def test_half_a_ring_of_another_root_key_is_not() -> None:
    database, whole = MemoryDatabase(), MemoryDatabase()
    await ensure_keyring(whole.keyring, ANOTHER)
    [half] = [key for key in await keys_of(whole) if key.purpose == DATA]
    await database.keyring.add(half)
    with pytest.raises(RootKeyError):
        await ensure_keyring(database.keyring, OURS)
    assert len(await keys_of(database)) == 1
