"""Delivery against a real collector over HTTP; only the waiting is shortened."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from analytics.dead_letters import DeadLetterFile
from analytics.disk_thread import DiskThread
from analytics.encoding import encode_event
from analytics.metrics import DropReason, PostOutcome
from analytics.shelf import Shelf
from tests.deadline import eventually
from tests.fakes.collector import Answer, Collector, Hang, Reply
from tests.fakes.delivery_scene import scene


async def test_events_arrive_in_batches_and_in_order() -> None:
    async with scene(wait=3600, batch=50) as it:
        it.offer(120)
        await it.delivered(100)
        await it.delivery.stop(limit=10, reason=DropReason.SHUTDOWN)
        assert [len(post.events) for post in it.collector.posts] == [50, 50, 20]
        assert it.numbers == list(range(120))
        assert it.shorter >= 3
        assert not it.metrics.drops


async def test_a_lonely_event_does_not_wait_for_company() -> None:
    async with scene(wait=0.01) as it:
        it.offer(1)
        await it.delivered(1)


RETRIED: dict[str, Answer] = {
    "408": 408,
    "425": 425,
    "429": 429,
    "500": 500,
    "503": 503,
    "closed": Hang(0),
}


@pytest.mark.parametrize("answer", RETRIED.values(), ids=RETRIED)
async def test_what_may_pass_is_tried_again_with_the_same_bytes(answer: Answer) -> None:
    async with scene(answer, answer, 201, compress=True) as it:
        it.offer(3)
        await it.delivered(3)
        assert len({post.body for post in it.collector.posts}) == 1
        assert len(it.collector.posts) == 3
        assert it.metrics.events_retried == 6
        assert it.pauses.seconds == [0.5, 1.0]
        assert it.metrics.posts == {PostOutcome.RETRY: 2, PostOutcome.ACCEPTED: 1}


async def test_a_collector_that_does_not_answer_in_time_is_tried_again() -> None:
    async with scene(Hang(3600), 201, send_timeout=0.1) as it:
        it.offer(1)
        await it.delivered(1)
        assert len({post.body for post in it.collector.posts}) == 1


async def test_events_wait_while_the_collector_is_away_and_then_come_oldest_first() -> None:
    async with scene(events=100, batch=10) as it:
        await it.collector.stop()
        it.offer(30)
        await eventually(lambda: len(it.pauses.seconds) >= 3, "three failures")
        await it.collector.start()
        await it.delivered(30)
        assert it.numbers == list(range(30))


async def test_only_what_the_queue_cannot_hold_is_dropped_and_counted() -> None:
    async with scene(events=100, batch=50) as it:
        await it.collector.stop()
        it.offer(250)
        await eventually(lambda: len(it.pauses.seconds) >= 2, "a batch under way")
        assert it.delivery.queue.events == 100
        assert it.metrics.drops == {DropReason.QUEUE_FULL: 150}
        it.offer(10, start=250)
        assert it.metrics.drops == {DropReason.QUEUE_FULL: 160}
        await it.collector.start()
        await it.delivered(100)


async def test_an_overflow_is_said_once_until_something_is_delivered(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with scene(events=10, batch=10) as it:
        for outage in range(2):
            await it.collector.stop()
            it.offer(25, start=100 * outage)
            await it.collector.start()
            await it.settled()
    assert capsys.readouterr().out.count("the queue is full") == 2


async def test_the_collectors_wish_is_kept_to() -> None:
    async with scene(Reply(429, {"Retry-After": "7"}), 201) as it:
        it.offer(1)
        await it.delivered(1)
        assert it.pauses.seconds == [7.5]


async def test_too_large_a_batch_is_halved() -> None:
    async with scene(lambda events: 413 if len(events) > 10 else 201, batch=50) as it:
        it.offer(50)
        await it.delivered(50)
        assert it.numbers == list(range(50))
        assert all(len(post.events) <= 10 for post in it.collector.accepted)


async def test_one_event_that_is_too_large_is_dropped() -> None:
    async with scene(lambda events: 413 if {"n": 3} in events else 201) as it:
        it.offer(10)
        await it.settled()
        assert it.numbers == [0, 1, 2, 4, 5, 6, 7, 8, 9]
        assert it.metrics.drops == {DropReason.TOO_LARGE: 1}


async def test_a_poison_event_loses_only_itself() -> None:
    async with scene(lambda events: 400 if {"n": 17} in events else 201) as it:
        it.offer(30)
        await it.settled()
        assert it.numbers == [number for number in range(30) if number != 17]
        assert it.metrics.drops == {DropReason.REJECTED: 1}
        assert it.metrics.events_sent == 29
        assert len(it.collector.posts) <= 40


async def test_nothing_is_sent_again_after_it_was_taken() -> None:
    async with scene(lambda events: 400 if {"n": 4} in events else 201) as it:
        it.offer(10)
        await it.settled()
        assert len(it.numbers) == len(set(it.numbers))


async def test_a_batch_that_is_never_taken_is_dropped() -> None:
    async with scene(404, 201) as it:
        it.offer(10)
        it.offer(1, start=10)
        await it.settled()
        assert it.numbers == [10]
        assert it.metrics.drops == {DropReason.REJECTED: 10}


@pytest.mark.parametrize("status", [401, 402, 403, 307])
async def test_a_refused_application_id_keeps_its_events(status: int) -> None:
    async with scene(status, status, 201) as it:
        it.offer(10)
        await it.delivered(10)
        assert it.pauses.seconds == [75.0, 75.0]
        assert not it.metrics.drops


async def test_other_settings_are_tried_at_once() -> None:
    async with scene(401) as it, Collector() as repaired:
        it.pauses.held = True
        it.offer(10)
        await eventually(lambda: it.pauses.seconds, "a refusal")
        other = replace(it.settings, target=replace(it.settings.target, endpoint=repaired.url))
        it.delivery.adjust(other)
        await it.delivered(10)
        assert len(repaired.events) == 10


async def test_another_name_holds_in_metrics_logs_and_dead_letters(tmp_path: Path) -> None:
    dead_letters = DeadLetterFile(tmp_path / "dead.ndjson")
    thread = DiskThread("test")
    async with scene(400, shelf=Shelf(thread=thread, dead_letters=dead_letters)) as it:
        it.delivery.tidy()
        assert it.metrics.deliveries.keys() == {"global"}
        it.delivery.rename("route r")
        it.delivery.tidy()
        assert it.metrics.deliveries.keys() == {"route r"}
        with capture_logs() as logs:
            it.offer(1)
            await eventually(lambda: it.metrics.dead_letters, "a dead letter")
    assert {log["plugin"] for log in logs} == {"route r"}
    assert b'"plugin":"route r"' in (tmp_path / "dead.ndjson").read_bytes()


async def test_stopping_sends_what_is_queued() -> None:
    async with scene(wait=3600, batch=50) as it:
        it.offer(7)
        await it.delivery.stop(limit=10, reason=DropReason.SHUTDOWN)
        assert it.numbers == list(range(7))
        assert not it.metrics.drops


async def test_stopping_does_not_wait_for_the_next_try() -> None:
    async with scene(503, 201) as it:
        it.pauses.held = True
        it.offer(3)
        await eventually(lambda: it.pauses.seconds, "a failure")
        await it.delivery.stop(limit=10, reason=DropReason.SHUTDOWN)
        assert it.numbers == [0, 1, 2]


async def test_stopping_keeps_to_what_the_collector_asked_for() -> None:
    async with scene(Reply(503, {"Retry-After": "60"}), 201) as it:
        it.pauses.held = True
        it.offer(3)
        await eventually(lambda: it.pauses.seconds, "a failure")
        await it.delivery.stop(limit=0.05, reason=DropReason.SHUTDOWN)
        assert len(it.collector.posts) == 1
        assert it.metrics.drops == {DropReason.SHUTDOWN: 3}


async def test_stopping_takes_no_longer_than_it_may() -> None:
    async with scene(Hang(3600), batch=2) as it:
        it.offer(5)
        await eventually(lambda: it.collector.posts, "a request under way")
        await it.delivery.stop(limit=0.05, reason=DropReason.REMOVED)
        assert it.metrics.drops == {DropReason.REMOVED: 5}
        assert it.delivery.queue.events == 0


class Faulty:
    """A collector's client with a fault."""

    def __init__(self) -> None:
        self.calls = 0

    async def send(self, payload: object, target: object) -> Any:
        self.calls += 1
        raise ZeroDivisionError


async def test_a_fault_of_the_client_loses_nothing() -> None:
    async with scene() as it:
        faulty = Faulty()
        it.delivery._sender._collector = faulty
        it.offer(1)
        await eventually(lambda: faulty.calls >= 2, "another try")
        assert it.delivery.queue.events == 1
        assert not it.metrics.drops


async def test_logs_name_neither_the_application_id_nor_an_event(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with scene(401, 503, 404, 201) as it:
        it.delivery.offer(encode_event({"secret": "in-the-event"}))
        await it.settled()
    logged = caplog.text + "".join(capsys.readouterr())
    assert "refuses" in logged
    assert "rejects" in logged
    assert "APP1" not in logged
    assert "in-the-event" not in logged
