"""The audit log in memory is bounded, and what is kept of it can still be proven."""

import pytest

from authsvc.audit import AuditChain, AuditHead, Deed, Verdict, recording, verify
from authsvc.kinds import Written
from authsvc.memory.audit_trail import MemoryAuditTrail

DEED = Deed(who="ann", role="admin", source="127.0.0.1", method="POST", route="/consumers")
CHAIN = AuditChain(bytes(32))


def recorded(trail: MemoryAuditTrail, *sizes: int) -> None:
    """Make an entry of so many entities for each size."""
    for size in sizes:
        with recording(DEED, CHAIN):
            trail.record([Written("consumers", f"id-{number}") for number in range(size)])


async def seqs(trail: MemoryAuditTrail, *, size: int = 100, after: int = 0) -> list[int]:
    return [entry.seq for entry in await trail.page(size=size, after=after)]


BOUNDS = {
    "entries": (MemoryAuditTrail(most_entries=3, most_names=99), [1] * 7, [5, 6, 7]),
    "names": (MemoryAuditTrail(most_entries=9, most_names=10), [4, 4, 4, 4], [3, 4]),
    "one that is too large": (MemoryAuditTrail(most_entries=9, most_names=10), [1, 20], [2]),
}


@pytest.mark.parametrize("name", BOUNDS)
async def test_the_oldest_are_dropped_and_the_rest_is_proven(name: str) -> None:
    trail, sizes, kept = BOUNDS[name]
    recorded(trail, *sizes)
    assert await seqs(trail) == kept
    assert (await trail.start()).seq == kept[0] - 1
    assert await verify(trail, CHAIN) == Verdict(await trail.head())


async def test_pages_go_by_seq_whatever_was_dropped() -> None:
    trail = MemoryAuditTrail(most_entries=4)
    recorded(trail, *[1] * 10)
    assert await seqs(trail, size=2) == [7, 8]
    assert await seqs(trail, size=2, after=3) == [7, 8]
    assert await seqs(trail, size=2, after=8) == [9, 10]
    assert await seqs(trail, after=10) == []


async def test_where_all_are_kept_they_begin_with_nothing() -> None:
    trail = MemoryAuditTrail()
    recorded(trail, 1, 1)
    assert await trail.start() == AuditHead()


async def test_what_is_kept_is_chained_to_what_was_dropped() -> None:
    trail = MemoryAuditTrail(most_entries=2)
    recorded(trail, 1, 1, 1)
    del trail._entries[0]  # somebody takes away what had to be kept
    assert (await verify(trail, CHAIN)).broken == 2
