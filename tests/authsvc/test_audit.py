"""The chain of the audit log: every kind of meddling is found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from authsvc.audit import (
    AuditChain,
    AuditEntry,
    AuditHead,
    Deed,
    Verdict,
    current_recording,
    recording,
    verify,
)
from authsvc.kinds import Written

DEED = Deed(who="ann", role="admin", source="::1", method="PATCH", route="/acls/{acls}")
CHAIN = AuditChain(bytes(32), clock=lambda: 12.5)
COUNT = 2500  # more than two pages of the walk


@dataclass
class Trail:
    """An ``AuditTrail`` that anybody may meddle with."""

    entries: list[AuditEntry]
    at: AuditHead

    async def page(self, *, size: int, after: int = 0) -> Sequence[AuditEntry]:
        """Return entries in their order."""
        found = sorted(self.entries, key=lambda entry: entry.seq)
        return [entry for entry in found if entry.seq > after][:size]

    async def head(self) -> AuditHead:
        """Return the head."""
        return self.at

    async def start(self) -> AuditHead:
        """Return nothing: all were kept."""
        return AuditHead()

    async def note(self) -> None:
        """Make no entry."""


def chained(count: int, chain: AuditChain = CHAIN) -> list[AuditEntry]:
    entries: list[AuditEntry] = []
    head = AuditHead()
    for number in range(count):
        entries.append(chain.link(DEED, [Written("acls", f"{number}")], previous=head))
        head = entries[-1].head
    return entries


@pytest.fixture(scope="module")
def intact() -> tuple[AuditEntry, ...]:
    return tuple(chained(COUNT))


async def test_an_intact_trail_is_proved_to_its_end(intact: tuple[AuditEntry, ...]) -> None:
    trail = Trail(list(intact), intact[-1].head)
    assert await verify(trail, CHAIN) == Verdict(intact[-1].head)


async def test_what_is_added_meanwhile_is_no_fault(intact: tuple[AuditEntry, ...]) -> None:
    trail = Trail(list(intact), intact[-3].head)
    assert (await verify(trail, CHAIN)).broken is None


def changed(entries: list[AuditEntry], place: int, **values: object) -> None:
    entries[place] = replace(entries[place], **values)  # type: ignore[arg-type]


def swapped(entries: list[AuditEntry]) -> None:
    one, other = entries[10], entries[11]
    entries[10], entries[11] = replace(other, seq=one.seq), replace(one, seq=other.seq)


def renumbered(entries: list[AuditEntry]) -> None:
    del entries[10]
    for at in range(10, len(entries)):
        changed(entries, at, seq=at + 1)


MEDDLING: dict[str, tuple[Callable[[list[AuditEntry]], None], int]] = {
    "another who": (lambda e: changed(e, 10, deed=replace(DEED, who="eve")), 11),
    "another role": (lambda e: changed(e, 10, deed=replace(DEED, role="viewer")), 11),
    "another source": (lambda e: changed(e, 10, deed=replace(DEED, source="10.0.0.1")), 11),
    "another method": (lambda e: changed(e, 10, deed=replace(DEED, method="GET")), 11),
    "another route": (lambda e: changed(e, 10, deed=replace(DEED, route="/acls")), 11),
    "another time": (lambda e: changed(e, 10, at=1), 11),
    "another entity": (lambda e: changed(e, 10, entities=("acls/x",)), 11),
    "one entity less": (lambda e: changed(e, 10, entities=()), 11),
    "another mac": (lambda e: changed(e, 10, mac=bytes(32)), 11),
    "the first removed": (lambda e: e.pop(0) and None, 1),
    "one removed": (lambda e: e.pop(10) and None, 11),
    "one removed, the rest renumbered": (renumbered, 11),
    "a page removed": (lambda e: e.__delitem__(slice(1000, 2000)), 1001),
    "the last removed": (lambda e: e.pop() and None, COUNT),
    "all removed": (lambda e: e.clear(), 1),
    "two swapped": (swapped, 11),
    "the last changed": (lambda e: changed(e, -1, at=1), COUNT),
}


@pytest.mark.parametrize(("meddle", "broken"), MEDDLING.values(), ids=MEDDLING)
async def test_meddling_is_found_where_it_happened(
    intact: tuple[AuditEntry, ...], meddle: Callable[[list[AuditEntry]], None], broken: int
) -> None:
    entries = list(intact)
    meddle(entries)
    verdict = await verify(Trail(entries, intact[-1].head), CHAIN)
    assert verdict.broken == broken
    assert verdict.head.seq == broken - 1


async def test_a_head_that_is_not_the_last_entrys_is_found(
    intact: tuple[AuditEntry, ...],
) -> None:
    trail = Trail(list(intact), AuditHead(COUNT, bytes(32)))
    assert (await verify(trail, CHAIN)).broken == COUNT


async def test_a_chain_without_the_key_is_none() -> None:
    forged = chained(3, AuditChain(b"x" * 32, clock=lambda: 12.5))
    assert (await verify(Trail(forged, forged[-1].head), CHAIN)).broken == 1


async def test_an_entry_beyond_a_head_that_was_put_back_must_be_chained_as_well() -> None:
    entries = [*chained(3), replace(chained(4)[3], at=1)]
    assert (await verify(Trail(entries, entries[2].head), CHAIN)).broken == 4


def test_an_entry_follows_the_very_head_that_it_was_made_for() -> None:
    entry = CHAIN.link(DEED, [], previous=AuditHead(5))
    assert CHAIN.proves(entry, previous=AuditHead(5))
    assert not CHAIN.proves(entry, previous=AuditHead())


def test_parts_cannot_move_from_one_field_into_the_next() -> None:
    one = replace(DEED, who="ab", role="c")
    other = replace(DEED, who="a", role="bc")
    macs = {CHAIN.link(deed, [], previous=AuditHead()).mac for deed in (one, other)}
    assert len(macs) == 2


def test_an_entity_is_named_once() -> None:
    twice = [Written("acls", "1"), Written("acls", "1", digest=b"x")]
    assert CHAIN.link(DEED, twice, previous=AuditHead()).entities == ("acls/1",)


def test_recording_ends_with_its_block() -> None:
    assert current_recording() is None
    with recording(DEED, CHAIN):
        assert current_recording() is not None
    assert current_recording() is None


def test_a_chain_does_not_show_its_key() -> None:
    assert repr(AuditChain(b"canary" * 6)) == "AuditChain('***')"


def test_the_mac_of_what_was_done_once_is_that_of_the_first_version() -> None:
    [entry] = chained(1)
    # Computed when there was no other version: entries of then are proved for ever.
    assert entry.mac.hex() == ("2a935c4fd971251b39eaebd788bf1b80250622b0a491696a88a840894ae443d8")


@pytest.mark.parametrize("told", [{"refused": 403}, {"times": 2}, {"refused": 403, "times": 2}])
def test_what_was_refused_or_happened_often_is_proved_as_such(told: dict[str, int]) -> None:
    entry = CHAIN.link(replace(DEED, **told), [], previous=AuditHead())
    assert CHAIN.proves(entry, previous=AuditHead())
    assert not CHAIN.proves(replace(entry, deed=DEED), previous=AuditHead())
