"""The port ``KeyringStore``."""

import asyncio

import pytest

from authsvc.errors import UniqueViolationError, UnstorableValueError
from authsvc.store import Stores
from tests.fakes.entities import a_wrapped_key


async def test_an_empty_ring_has_no_keys(stores: Stores) -> None:
    assert list(await stores.keyring.load()) == []


async def test_keys_come_back_as_they_were_added_oldest_first(stores: Stores) -> None:
    keys = [
        a_wrapped_key("key00003", created_at=1, purpose="index", active=True),
        a_wrapped_key("key00001", created_at=2, wrapped=bytes(range(256)), active=True),
        a_wrapped_key("key00002", created_at=3),
    ]
    for key in reversed(keys):
        await stores.keyring.add(key)
    assert list(await stores.keyring.load()) == keys


async def test_an_id_is_taken_only_once(stores: Stores) -> None:
    await stores.keyring.add(a_wrapped_key("key00001"))
    with pytest.raises(UniqueViolationError) as caught:
        await stores.keyring.add(a_wrapped_key("key00001", purpose="index"))
    assert caught.value.fields == ("id",)


async def test_one_key_of_a_purpose_is_active(stores: Stores) -> None:
    await stores.keyring.add(a_wrapped_key("key00001", active=True))
    await stores.keyring.add(a_wrapped_key("key00002", active=True, purpose="index"))
    await stores.keyring.add(a_wrapped_key("key00003"))
    with pytest.raises(UniqueViolationError) as caught:
        await stores.keyring.add(a_wrapped_key("key00004", active=True))
    assert caught.value.fields == ("purpose", "active")
    assert len(await stores.keyring.load()) == 3


async def test_of_many_active_keys_at_once_one_is_added(stores: Stores) -> None:
    outcomes = await asyncio.gather(
        *(stores.keyring.add(a_wrapped_key(f"key0000{n}", active=True)) for n in range(8)),
        return_exceptions=True,
    )
    assert len([one for one in outcomes if isinstance(one, UniqueViolationError)]) == 7
    assert len(await stores.keyring.load()) == 1


async def test_what_cannot_be_stored_is_refused(stores: Stores) -> None:
    with pytest.raises(UnstorableValueError) as caught:
        await stores.keyring.add(a_wrapped_key("key\x000001"))
    assert caught.value.field == "id"
