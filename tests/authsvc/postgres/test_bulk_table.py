"""Many entities at once: as each one by itself would be written, and all or none."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from authsvc import kinds
from authsvc.audit import AuditChain, Deed, recording, verify
from authsvc.errors import (
    ForeignKeyViolationError,
    KeyRemovedError,
    StoreUnavailableError,
    UniqueViolationError,
    UnstorableValueError,
)
from authsvc.postgres import Database
from tests.contract.samples import SAMPLES, Sample
from tests.fakes.entities import (
    a_consumer,
    a_credential,
    a_digest,
    a_route,
    a_service,
    a_wrapped_key,
    an_id,
)

IMPORTED = {name: sample for name, sample in SAMPLES.items() if name != "tokens"}
CHAIN = AuditChain(bytes(32))
DEED = Deed(who="ann", role="admin", source="host", method="IMPORT", route="/")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url, pool_size=3, clock=lambda: 1_000.0) as database:
        yield database


def kind_of(name: str) -> kinds.Kind:
    return getattr(kinds, name.upper())


@pytest.mark.parametrize(("name", "sample"), IMPORTED.items(), ids=IMPORTED.keys())
async def test_every_kind_is_added_and_replaced_whole(
    database: Database, name: str, sample: Sample
) -> None:
    for number in (1, 2):
        await database.consumers.insert(a_consumer(number))
    await database.services.insert(a_service(3))
    await database.routes.insert(a_route(4))
    bulk = database.bulk(kind_of(name))
    changed = replace(sample.entity, **sample.changed)
    for entity in (sample.entity, changed):
        await bulk.put_all([entity])
        assert await sample.store(database).get(entity.id) == entity


async def test_each_write_is_one_change_and_all_of_them_one_entry_of_the_audit(
    database: Database,
) -> None:
    ann, bob = a_consumer(1), a_consumer(2)
    await database.consumers.insert(ann)
    key = a_credential(1, of=1)
    moved = replace(key, digest=a_digest("moved"))
    before = await database.changes.head()
    with recording(DEED, CHAIN):
        await database.bulk(kinds.CONSUMERS).put_all([replace(ann, username="anna"), bob])
        await database.bulk(kinds.CREDENTIALS).put_all([key])
        await database.bulk(kinds.CREDENTIALS).put_all([moved])
        seq = await database.bulk(kinds.CONSUMERS).delete_all([an_id(1), an_id(7)])
    changes = (await database.changes.since(before)).changes
    assert [(each.entity, each.entity_id, each.digest) for each in changes] == [
        ("consumers", an_id(1), None),
        ("consumers", an_id(2), None),
        ("credentials", an_id(1), key.digest),
        ("credentials", an_id(1), key.digest),  # as it was: workers must forget it
        ("credentials", an_id(1), moved.digest),
        ("consumers", an_id(1), None),
    ]
    assert seq == changes[-1].seq
    assert await database.credentials.page(size=9) == []
    entries = await database.audit.page(size=9)
    assert [entry.entities for entry in entries] == [
        (f"consumers/{an_id(1)}", f"consumers/{an_id(2)}"),
        (f"credentials/{an_id(1)}",),
        (f"credentials/{an_id(1)}",),
        (f"consumers/{an_id(1)}",),
    ]
    assert (await verify(database.audit, CHAIN)).broken is None


async def test_one_that_collides_stops_all(database: Database) -> None:
    await database.consumers.insert(a_consumer(1, username="ann"))
    wanted = [a_consumer(2, username="bob"), a_consumer(3, username="ann")]
    with pytest.raises(UniqueViolationError) as caught:
        await database.bulk(kinds.CONSUMERS).put_all(wanted)
    assert caught.value.fields == ("username",)
    assert await database.consumers.get(an_id(2)) is None
    with pytest.raises(ForeignKeyViolationError):
        await database.bulk(kinds.CREDENTIALS).put_all([a_credential(1, of=9)])
    with pytest.raises(UnstorableValueError):
        await database.bulk(kinds.CONSUMERS).put_all([a_consumer(4, username="a\x00")])
    assert await database.changes.head() == 1


async def test_an_expired_key_is_in_nobodys_way(database: Database) -> None:
    await database.consumers.insert(a_consumer(1))
    expired = a_credential(1, of=1, expires_at=999)
    await database.bulk(kinds.CREDENTIALS).put_all([expired])
    same_key = replace(a_credential(2, of=1), digest=expired.digest)
    same_id = replace(a_credential(1, of=1), digest=a_digest("other"))
    await database.bulk(kinds.CREDENTIALS).put_all([same_key, same_id])
    assert await database.credentials.page(size=9) == [same_id, same_key]


async def test_rows_under_a_removed_key_are_refused(database: Database) -> None:
    await database.consumers.insert(a_consumer(1))
    credential = a_credential(1, of=1, index_key_id="idx00001")
    await database.keyring.add(a_wrapped_key("idx00001"))
    await database.keyring.remove("idx00001")
    with pytest.raises(KeyRemovedError):
        await database.bulk(kinds.CREDENTIALS).put_all([a_credential(2, of=1), credential])
    assert await database.credentials.page(size=9) == []


async def test_nothing_to_do_writes_nothing(database: Database) -> None:
    assert await database.bulk(kinds.CONSUMERS).put_all([]) is None
    assert await database.bulk(kinds.CONSUMERS).delete_all([]) is None
    assert await database.changes.head() == 0


async def test_what_is_referred_to_cannot_be_removed(database: Database) -> None:
    await database.services.insert(a_service(1))
    await database.routes.insert(a_route(1, service_id=an_id(1)))
    with pytest.raises(ForeignKeyViolationError):
        await database.bulk(kinds.SERVICES).delete_all([an_id(1)])


async def test_a_snapshot_does_not_see_what_was_written_since(database: Database) -> None:
    await database.bulk(kinds.CONSUMERS).put_all([a_consumer(n) for n in range(1, 6)])
    await database.bulk(kinds.CREDENTIALS).put_all(
        [a_credential(1, of=1), a_credential(2, of=1, expires_at=999)]
    )
    async with database.snapshot() as snapshot:
        first = await snapshot.page(kinds.CONSUMERS, size=2)
        await database.consumers.delete(an_id(4))
        await database.consumers.insert(a_consumer(7))
        rest = await snapshot.page(kinds.CONSUMERS, size=9, after=first[-1].id)
        assert [each.id for each in (*first, *rest)] == [an_id(n) for n in range(1, 6)]
        assert await snapshot.page(kinds.CREDENTIALS, size=9) == [a_credential(1, of=1)]
        assert await snapshot.count(kinds.CONSUMERS) == 5
    assert len(await database.consumers.page(size=9)) == 5


async def test_a_snapshot_of_a_database_that_is_away_is_an_error_of_ours() -> None:
    url = "postgresql://u@127.0.0.1:1/d"
    async with Database.open(url, pool_size=1) as away:
        with pytest.raises(StoreUnavailableError):
            async with away.snapshot():
                pass
