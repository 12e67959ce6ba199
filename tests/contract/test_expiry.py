"""The port ``EntityStore``: credentials past their time."""

from dataclasses import replace

import pytest

from authsvc.errors import UniqueViolationError
from authsvc.store import Stores
from tests.contract.harness import START, Clock
from tests.fakes.entities import a_consumer, a_credential, a_digest, a_token, an_id
from tests.fakes.found_credential import find_credential

SOON = int(START) + 10


@pytest.fixture
async def stores_with_one(stores: Stores) -> Stores:
    """Stores with a credential (10, of consumer 1) that expires soon."""
    for number in (1, 2):
        await stores.consumers.insert(a_consumer(number))
    await stores.credentials.insert(a_credential(10, of=1, expires_at=SOON))
    return stores


@pytest.mark.parametrize(("now", "there"), [(SOON - 0.1, True), (SOON, False), (SOON + 1, False)])
async def test_a_credential_is_absent_from_the_second_it_expires(
    stores_with_one: Stores, clock: Clock, now: float, there: bool
) -> None:
    clock.now = now
    credentials = stores_with_one.credentials
    digest = a_digest("key-10")
    assert (await credentials.get(an_id(10)) is not None) is there
    assert (await credentials.find(digest=digest) is not None) is there
    assert (len(await credentials.page(size=9)) == 1) is there
    assert (len(await credentials.page(size=9, consumer_id=an_id(1))) == 1) is there


async def test_an_expired_credential_can_be_neither_replaced_nor_deleted(
    stores_with_one: Stores, clock: Clock
) -> None:
    clock.now = SOON
    head = await stores_with_one.changes.head()
    revived = a_credential(10, of=1, expires_at=None)
    assert await stores_with_one.credentials.replace(revived) is None
    assert await stores_with_one.credentials.delete(an_id(10)) is None
    assert await stores_with_one.changes.head() == head


async def test_expired_rows_do_not_count_for_the_size_of_a_page(
    stores_with_one: Stores, clock: Clock
) -> None:
    for number in (11, 12):
        await stores_with_one.credentials.insert(a_credential(number, of=1))
    clock.now = SOON
    page = await stores_with_one.credentials.page(size=2)
    assert [one.id for one in page] == [an_id(11), an_id(12)]


async def test_a_living_credential_holds_its_key(stores_with_one: Stores) -> None:
    with pytest.raises(UniqueViolationError) as caught:
        await stores_with_one.credentials.insert(a_credential(11, of=2, digest=a_digest("key-10")))
    assert caught.value.fields == ("digest",)


async def test_the_key_of_an_expired_credential_can_be_used_again(
    stores_with_one: Stores, clock: Clock
) -> None:
    clock.now = SOON
    again = a_credential(11, of=2, digest=a_digest("key-10"))
    await stores_with_one.credentials.insert(again)
    assert await stores_with_one.credentials.find(digest=again.digest) == again


async def test_the_id_of_an_expired_credential_can_be_used_again(
    stores_with_one: Stores, clock: Clock
) -> None:
    clock.now = SOON
    again = a_credential(10, of=2, digest=a_digest("another key"))
    await stores_with_one.credentials.insert(again)
    assert await stores_with_one.credentials.get(an_id(10)) == again
    assert await find_credential(stores_with_one.directory, a_digest("key-10")) is None


async def test_a_replace_can_take_the_key_of_an_expired_credential(
    stores_with_one: Stores, clock: Clock
) -> None:
    await stores_with_one.credentials.insert(a_credential(11, of=2))
    clock.now = SOON
    changed = a_credential(11, of=2, digest=a_digest("key-10"))
    assert await stores_with_one.credentials.replace(changed) is not None
    await stores_with_one.consumers.delete(an_id(1))  # whose the expired one was
    assert await stores_with_one.credentials.find(digest=changed.digest) == changed


async def test_what_an_insert_swept_away_is_in_the_log(
    stores_with_one: Stores, clock: Clock
) -> None:
    clock.now = SOON
    head = await stores_with_one.changes.head()
    seq = await stores_with_one.credentials.insert(
        a_credential(11, of=2, digest=a_digest("key-10"))
    )
    changes = (await stores_with_one.changes.since(head)).changes
    assert [(one.seq, one.entity_id) for one in changes] == [
        (head + 1, an_id(10)),
        (head + 2, an_id(11)),
    ]
    assert seq == head + 2


async def test_an_expired_credential_goes_with_its_consumer(
    stores_with_one: Stores, clock: Clock
) -> None:
    clock.now = SOON
    await stores_with_one.consumers.delete(an_id(1))
    assert await find_credential(stores_with_one.directory, a_digest("key-10")) is None


async def test_a_later_end_keeps_a_credential_alive(stores_with_one: Stores, clock: Clock) -> None:
    stored = await stores_with_one.credentials.get(an_id(10))
    assert stored is not None
    await stores_with_one.credentials.replace(replace(stored, expires_at=SOON + 5))
    clock.now = SOON
    assert await stores_with_one.credentials.get(an_id(10)) is not None


async def test_a_token_is_absent_from_the_second_it_expires(stores: Stores, clock: Clock) -> None:
    token = a_token(1, expires_at=SOON)
    await stores.tokens.insert(token)
    found = {"token_hash": token.token_hash}
    clock.now = SOON - 0.5
    assert await stores.tokens.find(**found) == token
    clock.now = SOON
    assert await stores.tokens.find(**found) is None
    assert await stores.tokens.get(token.id) is None
    assert list(await stores.tokens.page(size=10)) == []
    await stores.tokens.insert(replace(token, expires_at=None))  # its name and hash are free again
    assert await stores.tokens.find(**found) is not None


async def test_what_is_over_is_purged_oldest_first_and_so_many_at_a_time(
    stores: Stores, clock: Clock
) -> None:
    await stores.consumers.insert(a_consumer(1))
    for number in range(5):
        await stores.credentials.insert(a_credential(number, of=1, expires_at=SOON + number))
    await stores.credentials.insert(a_credential(9, of=1))
    head = await stores.changes.head()
    clock.now = SOON + 100
    assert await stores.keyring.usage() == {"key00001": 6}
    removed = [await stores.credentials.purge(before=SOON + 3, limit=3) for _ in range(3)]
    assert removed == [3, 1, 0]
    assert await stores.keyring.usage() == {"key00001": 2}
    assert await stores.changes.head() == head
    assert await stores.credentials.get(an_id(9)) is not None


async def test_what_never_ends_is_never_purged(stores: Stores) -> None:
    await stores.consumers.insert(a_consumer(1))
    assert await stores.consumers.purge(before=10**10, limit=9) == 0
    assert await stores.consumers.get(an_id(1)) is not None


async def test_what_stood_in_the_way_is_told_in_the_order_of_its_ids(
    stores_with_one: Stores, clock: Clock
) -> None:
    await stores_with_one.credentials.insert(a_credential(13, of=2, expires_at=SOON))
    head = await stores_with_one.changes.head()
    clock.now = SOON
    # It has the id of one, and the key of the other.
    await stores_with_one.credentials.insert(a_credential(13, of=1, digest=a_digest("key-10")))
    told = (await stores_with_one.changes.since(head)).changes
    assert [change.entity_id for change in told] == [an_id(10), an_id(13), an_id(13)]
