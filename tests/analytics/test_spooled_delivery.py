"""What a delivery has on disk outlives it, however it ended."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from analytics.application_id import ApplicationId
from analytics.encoding import encode_event
from analytics.metrics import BreakerState, DropReason, SpoolFault
from analytics.shelf import Shelf
from analytics.shelves import Shelves
from analytics.spool import SpoolLimits
from analytics.spool_segments import SEGMENT
from tests.deadline import eventually
from tests.fakes.collector import Answer, Hang
from tests.fakes.delivery_scene import Scene, scene

KEY = bytes(range(32))
APPLICATION = ApplicationId("APP1")


def shelf_in(directory: Path, *, size: int = 10_000_000) -> Shelf:
    shelves = Shelves(directory, key=KEY, limits=SpoolLimits(size=size, age=3600.0))
    return shelves.make(APPLICATION, plugin="global")


@asynccontextmanager
async def run(
    directory: Path, *script: Answer, size: int = 10_000_000, **settings: Any
) -> AsyncIterator[Scene]:
    """Run a delivery with a disk, until it is stopped or killed."""
    async with scene(*script, shelf=shelf_in(directory, size=size), **settings) as it:
        await eventually(lambda: it.delivery._shelf.is_usable, "the disk")
        yield it


def files_in(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def segments(directory: Path) -> list[Path]:
    return [path for path in files_in(directory) if path.suffix == SEGMENT]


async def kill(it: Scene) -> None:
    """End a delivery without a word, as kill -9 does: what the disk does not have is lost."""
    assert it.delivery._task is not None
    it.delivery._task.cancel()
    it.delivery.queue.abandon()
    shelf = it.delivery._shelf
    assert shelf._spool is not None
    spool = shelf._spool
    spool._is_usable = False
    spool._files.close()


async def on_disk(it: Scene) -> None:
    """Wait until the disk has everything."""
    queue = it.delivery.queue
    await eventually(
        lambda: all(b.place for b in queue.batches()) and not queue.open.has_news, "the disk"
    )
    assert it.delivery._shelf._thread is not None
    await it.delivery._shelf._thread.ask(lambda: None)


async def test_what_was_not_sent_is_sent_by_the_next_run(tmp_path: Path) -> None:
    async with run(tmp_path, 503) as it:
        it.offer(25)
        await eventually(lambda: it.pauses.seconds, "a failure")
    assert not it.metrics.drops
    async with run(tmp_path, 201) as again:
        await again.delivered(25)
        assert again.numbers == list(range(25))
    async with run(tmp_path, 201) as third:
        assert third.delivery.queue.events == 0


async def test_after_a_kill_the_next_run_sends_what_was_queued_batch_or_not(tmp_path: Path) -> None:
    async with run(tmp_path, Hang(3600), wait=3600) as it:
        it.offer(25)
        await on_disk(it)
        await kill(it)
    async with run(tmp_path, 201) as again:
        await again.delivered(25)
        assert again.numbers == list(range(25))


async def test_what_was_delivered_is_not_sent_by_the_next_run(tmp_path: Path) -> None:
    async with run(tmp_path, 201, wait=3600) as it:
        it.offer(25)
        await it.delivered(20)
        await on_disk(it)
        await kill(it)
    async with run(tmp_path, 201) as again:
        await again.delivered(5)
        assert again.numbers == list(range(20, 25))


async def test_of_a_batch_that_was_halved_the_next_run_sends_the_rest(tmp_path: Path) -> None:
    hanging = asyncio.Event()

    def answer(events: list[dict[str, Any]]) -> int:
        if len(events) == 10:
            return 413
        if events[0]["n"] == 0:
            return 201
        hanging.set()
        return 503

    async with run(tmp_path, answer) as it:
        it.offer(10)
        await eventually(hanging.is_set, "the second half")
    async with run(tmp_path, 201) as again:
        await again.delivered(5)
        assert again.numbers == list(range(5, 10))


async def test_an_earlier_runs_events_come_before_new_ones(tmp_path: Path) -> None:
    async with run(tmp_path, 503) as it:
        it.offer(20)
        await eventually(lambda: it.pauses.seconds, "a failure")
    async with scene(201, shelf=shelf_in(tmp_path)) as again:
        again.offer(10, start=20)
        await again.delivered(30)
        assert again.numbers == list(range(30))


async def test_another_process_takes_over_once_the_first_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.spool.RETRY_SECONDS", 0.05)
    async with run(tmp_path, 503) as it:
        it.offer(10)
        await eventually(lambda: it.pauses.seconds, "a failure")
        async with scene(201, shelf=shelf_in(tmp_path)) as other:
            other.offer(10, start=10)
            await other.delivered(10)  # not kept back by who has the spool
            assert other.metrics.spool_faults[SpoolFault.BUSY] >= 1
            await it.delivery.stop(limit=0, reason=DropReason.SHUTDOWN)
            await other.delivered(20)


async def test_a_disk_that_cannot_be_used_costs_nothing_but_safety(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analytics.spool.RETRY_SECONDS", 0.05)
    (tmp_path / "spool").write_text("in the way")
    async with scene(201, shelf=shelf_in(tmp_path)) as it:
        it.offer(30)
        await it.delivered(30)
        await eventually(lambda: it.metrics.spool_faults[SpoolFault.OPEN] >= 3, "more tries")
        (tmp_path / "spool").unlink()
        await eventually(lambda: it.delivery._shelf.is_usable, "the disk")
        await it.collector.stop()
        it.offer(10)
        await on_disk(it)
    assert capsys.readouterr().out.count("in memory only") == 1
    async with run(tmp_path, 201) as again:
        await again.delivered(10)


async def test_what_came_while_the_disk_was_away_is_kept_once_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.spool.RETRY_SECONDS", 0.05)
    (tmp_path / "spool").write_text("in the way")
    async with scene(Hang(3600), shelf=shelf_in(tmp_path), wait=3600) as it:
        it.offer(25)
        await eventually(lambda: it.metrics.spool_faults, "a failure")
        (tmp_path / "spool").unlink()
        await eventually(lambda: it.delivery._shelf.is_usable, "the disk")
        await on_disk(it)
        await kill(it)
    async with run(tmp_path, 201) as again:
        await again.delivered(25)
        assert again.numbers == list(range(25))


async def test_a_batch_that_was_changed_on_disk_is_dropped_and_the_others_sent(
    tmp_path: Path,
) -> None:
    async with run(tmp_path, 503) as it:
        it.offer(30)
        await eventually(lambda: it.pauses.seconds, "a failure")
        await on_disk(it)
        size = next(iter(it.delivery.queue.batches())).stored
    (segment,) = segments(tmp_path)
    content = bytearray(segment.read_bytes())
    content[size + size // 2 + 20] ^= 1
    segment.write_bytes(content)
    async with run(tmp_path, 201) as again:
        await again.delivered(20)
        assert again.numbers == [*range(10), *range(20, 30)]
        assert again.metrics.drops == {DropReason.DAMAGED: 10}
        assert again.metrics.spool_faults == {SpoolFault.READ: 1}


async def test_the_disk_is_bounded_and_the_oldest_go(tmp_path: Path) -> None:
    size = 16 * 16 * 1024
    async with run(tmp_path, 503, size=size, batch=1) as it:
        for number in range(100):
            it.delivery.offer(encode_event({"n": number, "noise": os.urandom(3000).hex()}))
        await on_disk(it)
        used = sum(path.stat().st_size for path in segments(tmp_path))
        assert used <= size
        assert 0 < it.metrics.drops[DropReason.SPOOL_FULL] < 50


async def test_what_waited_too_long_is_not_sent(tmp_path: Path) -> None:
    async with run(tmp_path, 503) as it:
        it.offer(30)
        await eventually(lambda: it.pauses.seconds, "a failure")
    old = Shelves(tmp_path, key=KEY, limits=SpoolLimits(size=10_000_000, age=0.0))
    async with scene(503, shelf=old.make(APPLICATION, plugin="global")) as again:
        await eventually(lambda: again.pauses.seconds, "a batch under way")
        again.delivery.tidy()
        assert again.metrics.drops == {DropReason.EXPIRED: 20}
        assert again.delivery.queue.events == 10


async def test_rejected_events_are_in_a_file_of_their_own(tmp_path: Path) -> None:
    async with run(tmp_path, lambda events: 400 if {"n": 7} in events else 201) as it:
        it.offer(10)
        await it.settled()
        assert it.metrics.dead_letters == 1
    (file,) = (tmp_path / "dead-letters").iterdir()
    (letter,) = [orjson.loads(line) for line in file.read_text().splitlines()]
    assert letter.pop("at").endswith("Z")
    assert letter == {"plugin": "global", "reason": "rejected", "status": 400, "event": {"n": 7}}
    assert file.stat().st_mode & 0o777 == 0o600


async def test_nothing_on_disk_names_the_application_id(tmp_path: Path) -> None:
    async with run(tmp_path, lambda events: 400 if {"n": 7} in events else 503) as it:
        it.offer(20)
        await eventually(lambda: it.metrics.dead_letters or it.pauses.seconds, "an answer")
    assert not [path for path in files_in(tmp_path) if "APP1" in str(path)]
    assert not [path for path in files_in(tmp_path) if b"APP1" in path.read_bytes()]


async def test_the_status_tells_how_it_goes(tmp_path: Path) -> None:
    async with run(tmp_path, 503, batch=5) as it:
        it.offer(12)
        await eventually(lambda: len(it.pauses.seconds) >= 5, "failures")
        await on_disk(it)
        it.delivery.tidy()
        status = it.metrics.deliveries["global"]
        assert (status.events, status.spool_segments) == (12, 1)
        assert status.spool_size > 100
        assert status.oldest_age >= 0
        assert status.breaker in {BreakerState.OPEN, BreakerState.HALF_OPEN}
    assert it.metrics.deliveries == {}


async def test_one_disk_that_hangs_delays_no_other_delivery(tmp_path: Path) -> None:
    async with run(tmp_path / "one", 201) as it, run(tmp_path / "two", 201) as other:
        thread = it.delivery._shelf._thread
        assert thread is not None
        gate = threading.Event()
        thread.submit(lambda: gate.wait(20))
        other.offer(20)
        await other.delivered(20)
        it.offer(20)
        await it.delivered(20)  # nor its own sending
        gate.set()
    assert not it.metrics.drops


async def test_open_events_are_kept_again_once_each_after_the_disk_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analytics.spool.RETRY_SECONDS", 0.05)
    async with run(tmp_path, Hang(3600), wait=3600) as it:
        it.offer(3)
        await on_disk(it)
        spool = it.delivery._shelf._spool
        assert spool is not None
        spool._broken(SpoolFault.WRITE, OSError("full"))
        it.offer(3, start=3)
        await eventually(lambda: it.delivery._shelf.is_usable, "the disk")
        await on_disk(it)
        await kill(it)
    async with run(tmp_path, 201) as again:
        await again.delivered(6)
        assert again.numbers == list(range(6))


async def test_a_collector_that_was_away_is_not_waited_for_at_the_end(tmp_path: Path) -> None:
    async with run(tmp_path, 401) as it:
        it.pauses.held = True
        it.offer(10)
        await eventually(lambda: it.pauses.seconds, "a refusal")
        async with asyncio.timeout(20):
            await it.delivery.stop(limit=3600, reason=DropReason.SHUTDOWN)
        assert not it.metrics.drops
