import asyncio

from analytics.event_queue import EventQueue, QueueLimits

FOR_EVER = 3600.0  # seconds that no test waits


def queue(
    *, events: int = 100, batch: int = 10, wait: float = FOR_EVER, max_size: int = 10_000
) -> EventQueue:
    return EventQueue(
        QueueLimits(events=events, batch_events=batch, batch_wait=wait),
        max_size=max_size,
        max_batch_size=1000,
    )


def fill(filled: EventQueue, count: int, *, start: int = 0) -> int:
    return sum(filled.offer(b"%d" % number) for number in range(start, start + count))


async def take(taken: EventQueue) -> list[bytes] | None:
    async with asyncio.timeout(10):
        return await taken.take()


async def test_a_full_batch_leaves_at_once_and_oldest_first() -> None:
    events = queue(batch=3)
    fill(events, 7)
    assert await take(events) == [b"0", b"1", b"2"]
    assert await take(events) == [b"3", b"4", b"5"]


async def test_a_batch_that_is_not_full_leaves_when_it_is_old() -> None:
    events = queue(wait=0.05)
    waiting = asyncio.create_task(take(events))
    await asyncio.sleep(0)  # the taker waits for the first event
    events.offer(b"lonely")
    assert await waiting == [b"lonely"]


async def test_a_taker_waits_for_the_batch_to_fill() -> None:
    events = queue(batch=2)
    waiting = asyncio.create_task(take(events))
    events.offer(b"1")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not waiting.done()
    events.offer(b"2")
    assert await waiting == [b"1", b"2"]


async def test_a_batch_is_bounded_in_bytes() -> None:
    events = queue(batch=10)
    for _ in range(3):
        events.offer(b"x" * 400)
    assert [len(event) for event in await take(events) or []] == [400, 400]
    events.offer(b"x" * 5000)
    events.close()
    assert [len(event) for event in await take(events) or []] == [400]
    assert [len(event) for event in await take(events) or []] == [5000]


async def test_the_oldest_go_when_the_queue_is_full() -> None:
    events = queue(events=5, batch=5)
    assert fill(events, 8) == 3
    assert events.events == 5
    assert await take(events) == [b"3", b"4", b"5", b"6", b"7"]


async def test_events_under_way_count_until_they_are_released() -> None:
    events = queue(events=5, batch=3)
    fill(events, 5)
    batch = await take(events)
    assert batch is not None
    assert (events.events, events.size) == (5, 5)
    assert fill(events, 2, start=5) == 2
    events.release(batch)
    assert (events.events, events.size) == (2, 2)
    assert fill(events, 1, start=7) == 0
    assert await take(events) == [b"5", b"6", b"7"]


async def test_a_new_event_goes_when_all_others_are_under_way() -> None:
    events = queue(events=3, batch=3)
    fill(events, 3)
    await take(events)
    assert events.offer(b"new") == 1
    assert events.events == 3


async def test_the_queue_is_bounded_in_bytes() -> None:
    events = queue(max_size=1000)
    assert events.offer(b"a" * 600) == 0
    assert events.offer(b"b" * 600) == 1
    assert events.size == 600
    assert events.offer(b"c" * 1001) == 1
    assert (events.events, events.size) == (1, 600)


async def test_smaller_limits_take_effect_at_once() -> None:
    events = queue(batch=10)
    fill(events, 6)
    waiting = asyncio.create_task(take(events))
    await asyncio.sleep(0)
    assert events.adjust(QueueLimits(events=4, batch_events=2, batch_wait=FOR_EVER)) == 2
    assert await waiting == [b"2", b"3"]


async def test_a_closed_queue_empties_without_waiting() -> None:
    events = queue(batch=3)
    waiting = asyncio.create_task(take(events))
    fill(events, 2)
    await asyncio.sleep(0)
    events.close()
    assert await waiting == [b"0", b"1"]
    assert await take(events) is None


async def test_what_is_abandoned_is_counted() -> None:
    events = queue(batch=3)
    fill(events, 5)
    await take(events)
    assert events.abandon() == 5
    assert (events.events, events.size) == (0, 0)
