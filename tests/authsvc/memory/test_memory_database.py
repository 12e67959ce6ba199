"""One database's entities take the place of another's."""

from authsvc.entities import Consumer
from authsvc.memory import MemoryDatabase


def a_consumer(name: str) -> Consumer:
    number = f"{ord(name[0]):012d}"
    return Consumer(
        id=f"00000000-0000-4000-8000-{number}", created_at=1, updated_at=1, username=name
    )


async def test_whoever_follows_has_to_read_everything_again_also_behind_earlier_writes() -> None:
    database, other = MemoryDatabase(), MemoryDatabase()
    seqs = [await database.consumers.insert(a_consumer(name)) for name in "abc"]
    other.consumers.fill([a_consumer("z"), a_consumer("y")])
    seq = database.adopt(other)
    for before in (0, *seqs):
        assert not (await database.changes.since(before)).complete
    assert (await database.changes.since(seq)).complete
    assert await database.changes.head() == seq


async def test_what_was_filled_in_any_order_is_found_and_paged_in_order() -> None:
    database, other = MemoryDatabase(), MemoryDatabase()
    other.consumers.fill(map(a_consumer, "zxy"))
    database.adopt(other)
    assert [each.username for each in await database.consumers.page(size=9)] == ["x", "y", "z"]
    assert await database.consumers.find(username="y") == a_consumer("y")


async def test_writes_go_on_after_an_exchange() -> None:
    database, other = MemoryDatabase(), MemoryDatabase()
    seq = database.adopt(other)
    assert await database.consumers.insert(a_consumer("a")) == seq + 1
    changes = await database.changes.since(seq)
    assert (changes.complete, len(changes.changes)) == (True, 1)
