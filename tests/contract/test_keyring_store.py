"""The port ``KeyringStore``."""

import asyncio
from dataclasses import replace

import pytest

from authsvc.errors import (
    KeyInUseError,
    KeyRemovedError,
    RingChangedError,
    UniqueViolationError,
    UnstorableValueError,
)
from authsvc.store import Stores
from tests.contract.harness import Clock
from tests.fakes.entities import a_consumer, a_credential, a_wrapped_key, an_id


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


async def test_activating_a_key_rests_the_other_of_its_purpose_alone(stores: Stores) -> None:
    await stores.keyring.add(a_wrapped_key("key00001", active=True))
    await stores.keyring.add(a_wrapped_key("key00002"))
    await stores.keyring.add(a_wrapped_key("idx00001", purpose="index", active=True))
    head = await stores.changes.head()
    seq = await stores.keyring.activate("key00002")
    assert {key.id for key in await stores.keyring.load() if key.active} == {
        "key00002",
        "idx00001",
    }
    [change] = (await stores.changes.since(head)).changes
    assert (change.seq, change.entity, change.entity_id) == (seq, "keyring", "key00002")


@pytest.mark.parametrize("key_id", ["key00009", "nul\x00", "\ud800"])
async def test_what_is_not_on_the_ring_is_neither_activated_nor_removed(
    stores: Stores, key_id: str
) -> None:
    assert await stores.keyring.activate(key_id) is None
    assert await stores.keyring.remove(key_id) is None
    assert await stores.changes.head() == 0


async def test_a_key_in_use_stays(stores: Stores, clock: Clock) -> None:
    await stores.keyring.add(a_wrapped_key("key00001", active=True))
    with pytest.raises(KeyInUseError):
        await stores.keyring.remove("key00001")
    await stores.keyring.add(a_wrapped_key("key00002"))
    await stores.keyring.activate("key00002")
    await stores.consumers.insert(a_consumer(1))
    await stores.credentials.insert(a_credential(1, of=1, expires_at=int(clock.now) + 1))
    clock.now += 10
    with pytest.raises(KeyInUseError):  # by a row that has expired
        await stores.keyring.remove("key00001")
    assert await stores.keyring.usage() == {"key00001": 1}
    assert len(await stores.keyring.load()) == 2


async def test_under_a_removed_key_nothing_is_written_until_it_is_back(stores: Stores) -> None:
    key = a_wrapped_key("key00001")
    await stores.keyring.add(key)
    assert await stores.keyring.remove("key00001") == await stores.changes.head()
    await stores.consumers.insert(a_consumer(1))
    with pytest.raises(KeyRemovedError):
        await stores.credentials.insert(a_credential(1, of=1))
    assert await stores.credentials.get(an_id(1)) is None
    await stores.credentials.insert(a_credential(1, of=1, sealed_key=b"\x01key00002" + bytes(40)))
    with pytest.raises(KeyRemovedError):
        await stores.credentials.replace(a_credential(1, of=1))
    await stores.keyring.add(key)
    assert await stores.credentials.replace(a_credential(1, of=1))


async def test_an_index_key_stays_while_a_row_is_or_may_be_found_by_it(stores: Stores) -> None:
    for key_id in ("idx00001", "idx00002"):
        await stores.keyring.add(a_wrapped_key(key_id, purpose="index"))
    await stores.consumers.insert(a_consumer(1))
    await stores.credentials.insert(a_credential(1, of=1, index_key_id="idx00001"))
    with pytest.raises(KeyInUseError):
        await stores.keyring.remove("idx00001")
    await stores.credentials.replace(a_credential(1, of=1, index_key_id=None))
    with pytest.raises(KeyInUseError):  # nobody noted by which one
        await stores.keyring.remove("idx00001")
    await stores.credentials.replace(a_credential(1, of=1, index_key_id="idx00002"))
    assert await stores.keyring.remove("idx00001")


async def test_under_a_removed_index_key_nothing_is_written(stores: Stores) -> None:
    await stores.keyring.add(a_wrapped_key("idx00001", purpose="index"))
    await stores.keyring.remove("idx00001")
    await stores.consumers.insert(a_consumer(1))
    await stores.credentials.insert(a_credential(1, of=1, index_key_id="idx00002"))
    with pytest.raises(KeyRemovedError):
        await stores.credentials.replace(a_credential(1, of=1, index_key_id="idx00001"))
    with pytest.raises(KeyRemovedError):
        await stores.credentials.insert(a_credential(2, of=1, index_key_id="idx00001"))
    assert await stores.credentials.get(an_id(2)) is None


async def test_a_key_is_removed_or_written_under_but_never_both(stores: Stores) -> None:
    await stores.consumers.insert(a_consumer(1))
    for round_ in range(5):
        key_id = f"key0001{round_}"
        await stores.keyring.add(a_wrapped_key(key_id))
        sealed = b"\x01" + key_id.encode() + bytes(40)
        await asyncio.gather(
            *(
                stores.credentials.insert(a_credential(10 * round_ + n, of=1, sealed_key=sealed))
                for n in range(3)
            ),
            stores.keyring.remove(key_id),
            return_exceptions=True,
        )
        ids = {key.id for key in await stores.keyring.load()}
        assert (key_id in ids) == (key_id in await stores.keyring.usage())


async def test_all_keys_are_wrapped_anew_or_none(stores: Stores) -> None:
    keys = [a_wrapped_key("key00001", active=True), a_wrapped_key("key00002")]
    for key in keys:
        await stores.keyring.add(key)
    head = await stores.changes.head()
    anew = [replace(key, wrapped=b"anew", recovery=b"copy") for key in keys]
    with pytest.raises(RingChangedError):
        await stores.keyring.rewrap(anew[:1], announce=False)
    assert list(await stores.keyring.load()) == keys
    assert await stores.keyring.rewrap(anew, announce=False) is None
    assert await stores.changes.head() == head
    assert list(await stores.keyring.load()) == anew
    assert await stores.keyring.rewrap(anew, announce=True) == await stores.changes.head() > head


async def test_encryptions_add_up_also_at_once(stores: Stores) -> None:
    await stores.keyring.add(a_wrapped_key("key00001"))
    await asyncio.gather(*(stores.keyring.count("key00001", 2**31) for _ in range(4)))
    assert await stores.keyring.count("key00001", 1) == 2**33 + 1
    assert await stores.keyring.count("key00009", 1) is None
    assert (await stores.keyring.load())[0].encryptions == 2**33 + 1
