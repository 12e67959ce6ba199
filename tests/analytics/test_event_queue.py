import asyncio
from collections import Counter

from analytics.encoding import open_events
from analytics.event_queue import EventQueue, QueueBounds, QueueLimits
from analytics.metrics import DropReason
from analytics.queued_batch import Place, QueuedBatch

FOR_EVER = 3600.0  # seconds that no test waits


class Observer:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.made: list[QueuedBatch] = []
        self.gone: list[QueuedBatch] = []
        self.drops: Counter[DropReason] = Counter()

    def closed(self, batch: QueuedBatch) -> None:
        self.made.append(batch)

    def forgotten(self, batch: QueuedBatch) -> None:
        self.gone.append(batch)

    def dropped(self, reason: DropReason, events: int) -> None:
        self.drops[reason] += events


class Queue(EventQueue):
    def __init__(
        self,
        *,
        events: int = 100,
        batch: int = 10,
        wait: float = FOR_EVER,
        memory: int = 100_000,
        memory_without_disk: int = 100_000,
        disk: int | None = None,
    ) -> None:
        self.seen = Observer()
        super().__init__(
            QueueLimits(events=events, batch_events=batch, batch_wait=wait),
            observer=self.seen,
            bounds=QueueBounds(
                memory=memory, memory_without_disk=memory_without_disk, batch=1000, disk=disk
            ),
        )

    def fill(self, count: int, *, start: int = 0) -> None:
        for number in range(start, start + count):
            self.offer(b"%d" % number)

    async def events_of_next(self) -> list[bytes] | None:
        async with asyncio.timeout(10):
            batch = await self.take()
        return None if batch is None else events_of(batch)

    async def deliver(self) -> list[bytes]:
        async with asyncio.timeout(10):
            batch = await self.take()
        assert batch is not None
        events = events_of(batch)
        self.settle(batch, batch.remaining)
        return events

    def store(self, *batches: QueuedBatch) -> None:
        """Have batches kept on disk, each with 100 bytes."""
        for batch in batches:
            batch.place = Place(1, 100 * len(self.seen.made), 100)
            self.kept(batch)


def events_of(batch: QueuedBatch) -> list[bytes]:
    assert batch.body is not None
    return open_events(batch.body)[batch.done :]


def from_disk(count: int, *, since: float = 0.0) -> QueuedBatch:
    return QueuedBatch(number=count, events=count, size=9, since=since, place=Place(1, count, 100))


async def test_a_full_batch_leaves_at_once_and_oldest_first() -> None:
    queue = Queue(batch=3)
    queue.fill(7)
    assert await queue.deliver() == [b"0", b"1", b"2"]
    assert await queue.deliver() == [b"3", b"4", b"5"]


async def test_a_batch_that_is_not_full_leaves_when_it_is_old() -> None:
    queue = Queue(wait=0.05)
    waiting = asyncio.create_task(queue.events_of_next())
    await asyncio.sleep(0)  # the taker waits for the first event
    queue.offer(b"lonely")
    assert await waiting == [b"lonely"]


async def test_a_taker_waits_for_the_batch_to_fill() -> None:
    queue = Queue(batch=2)
    waiting = asyncio.create_task(queue.events_of_next())
    queue.offer(b"1")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.offer(b"2")
    assert await waiting == [b"1", b"2"]


async def test_a_batch_is_bounded_in_bytes() -> None:
    queue = Queue(batch=10)
    for _ in range(3):
        queue.offer(b"x" * 400)
    assert [len(event) for event in await queue.deliver()] == [400, 400]
    queue.offer(b"x" * 5000)
    assert [len(event) for event in await queue.deliver()] == [400]
    assert [len(event) for event in await queue.deliver()] == [5000]


async def test_memory_holds_batches_compressed() -> None:
    queue = Queue(batch=10)
    for _ in range(10):
        queue.offer(b"x" * 99)
    assert queue.size < 200


async def test_the_oldest_go_when_the_queue_is_full_one_by_one() -> None:
    queue = Queue(events=5, batch=5)
    queue.fill(8)
    assert queue.seen.drops == {DropReason.QUEUE_FULL: 3}
    assert queue.events == 5
    assert await queue.deliver() == [b"3", b"4"]
    queue.close()
    assert await queue.deliver() == [b"5", b"6", b"7"]


async def test_a_batch_all_of_which_was_dropped_is_forgotten() -> None:
    queue = Queue(events=5, batch=2)
    queue.fill(8)
    assert queue.seen.gone == queue.seen.made[:1]
    assert await queue.deliver() == [b"3"]


async def test_events_under_way_count_until_they_are_settled() -> None:
    queue = Queue(events=5, batch=3)
    queue.fill(5)
    batch = await queue.take()
    assert batch is not None
    assert queue.events == 5
    queue.fill(2, start=5)
    assert queue.seen.drops == {DropReason.QUEUE_FULL: 2}
    queue.settle(batch, 1)
    assert queue.events == 4
    queue.settle(batch, 2)
    assert queue.events == 2
    queue.fill(1, start=7)
    assert await queue.deliver() == [b"5", b"6", b"7"]
    assert (queue.events, queue.size) == (0, 0)


async def test_a_new_event_goes_when_all_others_are_under_way() -> None:
    queue = Queue(events=3, batch=3)
    queue.fill(3)
    await queue.take()
    queue.offer(b"new")
    assert queue.seen.drops == {DropReason.QUEUE_FULL: 1}
    assert queue.events == 3


async def test_without_a_disk_the_oldest_go_when_memory_is_full() -> None:
    queue = Queue(events=1000, batch=1, memory_without_disk=100)
    queue.fill(50)
    assert queue.size <= 100
    kept = queue.events
    assert queue.seen.drops == {DropReason.QUEUE_FULL: 50 - kept}
    assert await queue.deliver() == [b"%d" % (50 - kept)]


async def test_what_is_on_disk_leaves_memory_the_newest_first() -> None:
    queue = Queue(batch=1, memory=100)
    for number in range(10):
        queue.fill(1, start=number)
        queue.store(queue.seen.made[-1])
    assert queue.size <= 100
    assert queue.events == 10
    in_memory = [batch.body is not None for batch in queue.seen.made]
    assert in_memory[0]
    assert in_memory == sorted(in_memory, reverse=True)
    assert not queue.seen.drops


async def test_the_disk_is_bounded_too() -> None:
    queue = Queue(batch=1, disk=250)
    for number in range(4):
        queue.fill(1, start=number)
        queue.store(queue.seen.made[-1])
    assert queue.seen.drops == {DropReason.SPOOL_FULL: 2}
    assert queue.seen.gone == queue.seen.made[:2]
    assert await queue.deliver() == [b"2"]


async def test_what_an_earlier_run_left_comes_first_and_counts() -> None:
    queue = Queue(events=10, batch=3)
    queue.fill(3)
    first, second = from_disk(4), from_disk(5)
    queue.found([first, second])
    assert queue.seen.drops == {DropReason.QUEUE_FULL: 2}
    assert (first.done, queue.events) == (2, 10)
    assert [await queue.take(), await queue.take()] == [first, second]


async def test_what_has_waited_too_long_is_dropped() -> None:
    queue = Queue(batch=2)
    queue.found([from_disk(4, since=100.0), from_disk(5, since=200.0)])
    queue.expire(before=200.0)
    assert queue.seen.drops == {DropReason.EXPIRED: 4}
    assert queue.events == 5
    assert queue.oldest == 200.0


async def test_smaller_limits_take_effect_at_once() -> None:
    queue = Queue(batch=10)
    queue.fill(6)
    waiting = asyncio.create_task(queue.events_of_next())
    await asyncio.sleep(0)
    queue.adjust(QueueLimits(events=4, batch_events=2, batch_wait=FOR_EVER))
    assert queue.seen.drops == {DropReason.QUEUE_FULL: 2}
    assert await waiting == [b"2", b"3"]


async def test_a_closed_queue_empties_without_waiting() -> None:
    queue = Queue(batch=3)
    waiting = asyncio.create_task(queue.events_of_next())
    queue.fill(2)
    await asyncio.sleep(0)
    queue.close()
    assert await waiting == [b"0", b"1"]
    assert await queue.events_of_next() is None


async def test_the_batches_that_are_here_include_the_one_under_way() -> None:
    queue = Queue(batch=2)
    queue.fill(4)
    taken = await queue.take()
    assert [batch.events for batch in queue.batches()] == [2, 2]
    assert next(queue.batches()) is taken


async def test_what_is_abandoned_is_gone() -> None:
    queue = Queue(batch=3)
    queue.fill(5)
    await queue.take()
    queue.abandon()
    assert (queue.events, queue.size) == (0, 0)
    assert queue.oldest is None
