"""The port ``AuditTrail``: what a write leaves behind, and that meddling is found."""

import asyncio
from dataclasses import replace

import pytest

from authsvc.audit import AuditChain, AuditHead, Deed, Verdict, recording, verify
from authsvc.errors import UniqueViolationError
from authsvc.store import Stores
from tests.contract.harness import START, Clock
from tests.fakes.entities import a_consumer, a_credential, an_id

DEED = Deed(
    who="ann", role="admin", source="127.0.0.1", method="POST", route="/consumers/{consumers}"
)


@pytest.fixture
def chain(clock: Clock) -> AuditChain:
    return AuditChain(bytes(32), clock=clock)


async def test_before_any_write_there_is_nothing(stores: Stores, chain: AuditChain) -> None:
    assert list(await stores.audit.page(size=10)) == []
    assert await stores.audit.head() == AuditHead()
    assert await verify(stores.audit, chain) == Verdict(AuditHead())


async def test_a_write_says_who_did_what_when_and_to_what(
    stores: Stores, chain: AuditChain
) -> None:
    with recording(DEED, chain):
        await stores.consumers.insert(a_consumer(1))
    [entry] = await stores.audit.page(size=10)
    assert (entry.seq, entry.at, entry.deed) == (1, START * 1000, DEED)
    assert entry.entities == (f"consumers/{an_id(1)}",)
    assert await stores.audit.head() == entry.head


async def test_each_write_makes_one_entry(stores: Stores, chain: AuditChain) -> None:
    with recording(DEED, chain):
        await stores.consumers.insert(a_consumer(1))
        await stores.credentials.insert(a_credential(2, of=1))
        await stores.credentials.replace(a_credential(2, of=1, digest=bytes(32)))
        await stores.consumers.delete(an_id(1))
    entries = await stores.audit.page(size=10)
    assert [entry.seq for entry in entries] == [1, 2, 3, 4]
    assert entries[2].entities == (f"credentials/{an_id(2)}",)
    assert await verify(stores.audit, chain) == Verdict(entries[-1].head)


async def test_what_was_not_written_makes_none(stores: Stores, chain: AuditChain) -> None:
    await stores.consumers.insert(a_consumer(1))  # outside of any deed
    with recording(DEED, chain):
        await stores.consumers.delete(an_id(9))
        await stores.consumers.replace(a_consumer(9))
        with pytest.raises(UniqueViolationError):
            await stores.consumers.insert(a_consumer(1))
    await stores.consumers.delete(an_id(1))
    assert list(await stores.audit.page(size=10)) == []


async def test_a_deed_that_writes_nothing_can_be_noted(stores: Stores, chain: AuditChain) -> None:
    refused = replace(DEED, refused=403, times=7)
    with recording(DEED, chain):
        await stores.consumers.insert(a_consumer(1))
    with recording(refused, chain) as recorded:
        await stores.audit.note()
    with recording(DEED, chain):
        await stores.consumers.delete(an_id(1))
    await stores.audit.note()  # outside of any deed
    entries = await stores.audit.page(size=10)
    assert [entry.deed for entry in entries] == [DEED, refused, DEED]
    assert (entries[1].entities, recorded.made) == ((), 1)
    assert await verify(stores.audit, chain) == Verdict(entries[-1].head)


async def test_notes_and_writes_at_once_are_one_chain(stores: Stores, chain: AuditChain) -> None:
    async def write(number: int) -> None:
        with recording(DEED, chain):
            await stores.consumers.insert(a_consumer(number))

    async def note() -> None:
        with recording(DEED, chain):
            await stores.audit.note()

    await asyncio.gather(*(write(number) for number in range(8)), *(note() for _ in range(8)))
    assert len(await stores.audit.page(size=100)) == 16
    assert (await verify(stores.audit, chain)).broken is None


async def test_entries_come_page_by_page(stores: Stores, chain: AuditChain) -> None:
    with recording(DEED, chain):
        for number in range(5):
            await stores.consumers.insert(a_consumer(number))
    seqs = [
        [entry.seq for entry in await stores.audit.page(size=2, after=after)]
        for after in (0, 2, 4, 5, 99)
    ]
    assert seqs == [[1, 2], [3, 4], [5], [], []]


async def test_of_many_writers_at_once_each_is_chained(stores: Stores, chain: AuditChain) -> None:
    async def write(number: int) -> None:
        with recording(replace(DEED, who=f"w{number}"), chain):
            await stores.consumers.insert(a_consumer(number))

    await asyncio.gather(*(write(number) for number in range(12)))
    entries = await stores.audit.page(size=100)
    assert {entry.deed.who: entry.entities for entry in entries} == {
        f"w{number}": (f"consumers/{an_id(number)}",) for number in range(12)
    }
    assert (await verify(stores.audit, chain)).broken is None
