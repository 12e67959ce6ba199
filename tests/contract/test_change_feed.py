"""The port ``ChangeFeed``: what every write appends, in which order, and for how long."""

import asyncio

from authsvc.store import Change, Retention, Stores
from tests.contract.harness import Harness
from tests.deadline import eventually
from tests.fakes.entities import (
    a_consumer,
    a_credential,
    a_digest,
    a_plugin,
    a_route,
    a_service,
    a_wrapped_key,
    an_acl,
    an_id,
)


async def changes_after(stores: Stores, seq: int) -> list[Change]:
    found = await stores.changes.since(seq)
    assert found.complete
    return list(found.changes)


async def test_an_empty_log_has_no_head_and_no_changes(stores: Stores) -> None:
    assert await stores.changes.head() == 0
    assert await changes_after(stores, 0) == []


async def test_every_kind_of_entity_is_in_the_log(stores: Stores) -> None:
    await stores.consumers.insert(a_consumer(1))
    await stores.credentials.insert(a_credential(2, of=1))
    await stores.acls.insert(an_acl(3, of=1))
    await stores.services.insert(a_service(4))
    await stores.routes.insert(a_route(5))
    await stores.plugins.insert(a_plugin(6))
    await stores.keyring.add(a_wrapped_key("key00001"))
    assert await changes_after(stores, 0) == [
        Change(1, "consumers", an_id(1), consumer_id=an_id(1)),
        Change(2, "credentials", an_id(2), consumer_id=an_id(1), digest=a_digest("key-2")),
        Change(3, "acls", an_id(3), consumer_id=an_id(1)),
        Change(4, "services", an_id(4)),
        Change(5, "routes", an_id(5)),
        Change(6, "plugins", an_id(6)),
        Change(7, "keyring", "key00001"),
    ]


async def test_a_replace_and_a_delete_are_changes_too(stores: Stores) -> None:
    await stores.services.insert(a_service(1))
    assert await stores.services.replace(a_service(1, host="other")) == 2
    assert await stores.services.delete(an_id(1)) == 3
    assert await changes_after(stores, 1) == [
        Change(2, "services", an_id(1)),
        Change(3, "services", an_id(1)),
    ]


async def test_a_credential_with_another_key_makes_a_change_for_each_digest(
    stores: Stores,
) -> None:
    await stores.consumers.insert(a_consumer(1))
    await stores.credentials.insert(a_credential(2, of=1, digest=a_digest("old")))
    seq = await stores.credentials.replace(a_credential(2, of=1, digest=a_digest("new")))
    assert seq == 4
    assert await changes_after(stores, 2) == [
        Change(3, "credentials", an_id(2), consumer_id=an_id(1), digest=a_digest("old")),
        Change(4, "credentials", an_id(2), consumer_id=an_id(1), digest=a_digest("new")),
    ]


async def test_concurrent_changes_of_a_key_leave_no_digest_out(stores: Stores) -> None:
    await stores.consumers.insert(a_consumer(1))
    await stores.credentials.insert(a_credential(2, of=1, digest=a_digest("0")))
    await asyncio.gather(
        *(
            stores.credentials.replace(a_credential(2, of=1, digest=a_digest(f"{number}")))
            for number in range(1, 13)
        )
    )
    digests = [change.digest for change in await changes_after(stores, 1)]
    # Each change starts from what the one before it left, or a worker would keep a key for ever.
    assert digests[1::2] == digests[0:-1:2]
    assert len(set(digests)) == 13


async def test_an_entry_that_moves_makes_a_change_for_each_consumer(stores: Stores) -> None:
    for number in (1, 2):
        await stores.consumers.insert(a_consumer(number))
    await stores.acls.insert(an_acl(3, of=1))
    assert await stores.acls.replace(an_acl(3, of=2)) == 5
    moved = await changes_after(stores, 3)
    assert [change.consumer_id for change in moved] == [an_id(1), an_id(2)]


async def test_a_consumers_deletion_is_one_change(stores: Stores) -> None:
    await stores.consumers.insert(a_consumer(1))
    await stores.credentials.insert(a_credential(2, of=1))
    await stores.acls.insert(an_acl(3, of=1))
    assert await stores.consumers.delete(an_id(1)) == 4
    gone = Change(4, "consumers", an_id(1), consumer_id=an_id(1))
    assert await changes_after(stores, 3) == [gone]


async def test_a_services_deletion_is_one_change(stores: Stores) -> None:
    await stores.services.insert(a_service(1))
    await stores.plugins.insert(a_plugin(2, service_id=an_id(1)))
    await stores.services.delete(an_id(1))
    assert await changes_after(stores, 2) == [Change(3, "services", an_id(1))]


async def test_nothing_written_is_no_change(stores: Stores) -> None:
    await stores.services.replace(a_service(1))
    await stores.services.delete(an_id(1))
    assert await stores.changes.head() == 0


async def test_changes_come_in_portions(stores: Stores) -> None:
    for number in range(5):
        await stores.services.insert(a_service(number))
    portion = await stores.changes.since(1, limit=2)
    assert [change.seq for change in portion.changes] == [2, 3]
    assert portion.complete
    assert [change.seq for change in await changes_after(stores, 3)] == [4, 5]
    assert await changes_after(stores, 5) == []


async def test_a_seq_beyond_the_head_is_of_another_database(stores: Stores) -> None:
    await stores.services.insert(a_service(1))
    beyond = await stores.changes.since(2)
    assert not beyond.complete
    assert beyond.changes == ()


async def test_seqs_of_concurrent_writes_have_no_gap(stores: Stores) -> None:
    seqs = await asyncio.gather(
        *(stores.services.insert(a_service(number)) for number in range(30))
    )
    assert sorted(seqs) == list(range(1, 31))
    by_seq = {change.seq: change.entity_id for change in await changes_after(stores, 0)}
    assert by_seq == {seq: an_id(number) for number, seq in enumerate(seqs)}


async def test_whoever_follows_the_log_sees_every_concurrent_write(stores: Stores) -> None:
    writes = asyncio.gather(*(stores.services.insert(a_service(number)) for number in range(40)))
    seen: list[Change] = []

    async def all_seen() -> bool:
        seen.extend(await changes_after(stores, len(seen)))
        return len(seen) == 40

    await eventually(all_seen, "every change")
    await writes
    assert [change.seq for change in seen] == list(range(1, 41))


async def test_old_changes_are_pruned_and_who_asks_for_them_is_told(harness: Harness) -> None:
    stores = await harness.open(Retention(changes=5, seconds=60.0, every=1))
    for number in range(20):
        await stores.services.insert(a_service(number))
    await harness.age(61.0)
    await stores.services.insert(a_service(20))
    assert not (await stores.changes.since(0)).complete
    assert not (await stores.changes.since(15)).complete
    assert [change.seq for change in await changes_after(stores, 16)] == [17, 18, 19, 20, 21]


async def test_young_changes_are_kept_however_many(harness: Harness) -> None:
    stores = await harness.open(Retention(changes=5, seconds=60.0, every=1))
    for number in range(20):
        await stores.services.insert(a_service(number))
    await harness.age(59.0)
    await stores.services.insert(a_service(20))
    assert len(await changes_after(stores, 0)) == 21


async def test_the_newest_changes_are_kept_however_old(harness: Harness) -> None:
    stores = await harness.open(Retention(changes=30, seconds=60.0, every=1))
    for number in range(20):
        await stores.services.insert(a_service(number))
    await harness.age(1e6)
    await stores.services.insert(a_service(20))
    assert len(await changes_after(stores, 0)) == 21


async def test_a_wait_without_a_change_ends_in_time(stores: Stores) -> None:
    await stores.changes.wait(0.01)
    async with asyncio.timeout(10):
        await stores.changes.wait(0.01)


async def test_a_write_ends_every_wait(stores: Stores) -> None:
    await stores.changes.wait(0.01)
    waits = [asyncio.create_task(stores.changes.wait(1000)) for _ in range(3)]

    async def woken() -> bool:
        # Written over and over: a hint may come before somebody listens.
        await stores.services.insert(a_service(1))
        await stores.services.delete(an_id(1))
        return all(wait.done() for wait in waits)

    await eventually(woken, "the waits to end")


async def test_waits_can_be_given_up(stores: Stores) -> None:
    wait = asyncio.create_task(stores.changes.wait(1000))
    await asyncio.sleep(0)
    wait.cancel()
    await asyncio.wait({wait})
    assert wait.cancelled()
    await stores.services.insert(a_service(1))
