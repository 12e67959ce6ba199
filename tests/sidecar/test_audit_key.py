"""The key of the audit log."""

import asyncio

import pytest

from authsvc.errors import RootKeyError
from authsvc.memory import MemoryDatabase
from authsvc.root_key import RootKey
from authsvc.sealing import Sealer
from sidecar.audit_key import open_audit_key
from sidecar.keyring_bootstrap import ensure_keyring

ROOT = RootKey(bytes(32))


async def test_it_is_made_once_however_many_ask() -> None:
    store = MemoryDatabase().keyring
    keys = await asyncio.gather(*(open_audit_key(store, ROOT) for _ in range(5)))
    assert len(set(keys)) == 1
    assert len(await store.load()) == 1


async def test_another_root_key_does_not_open_it() -> None:
    store = MemoryDatabase().keyring
    await open_audit_key(store, ROOT)
    with pytest.raises(RootKeyError):
        await open_audit_key(store, RootKey(bytes(31) + b"x"))


async def test_it_is_not_in_the_way_of_the_ring() -> None:
    store = MemoryDatabase().keyring
    await open_audit_key(store, ROOT)
    await ensure_keyring(store, ROOT)
    assert Sealer.unwrap(await store.load(), ROOT)
