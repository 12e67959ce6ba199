import asyncio
import threading

import pytest

from analytics.disk_thread import DiskThread
from tests.deadline import eventually


async def test_work_is_done_in_order_and_its_outcomes_are_told_on_the_loop() -> None:
    thread = DiskThread("disk")
    done: list[int] = []
    told: list[tuple[int | Exception, str]] = []
    for number in range(3):
        thread.submit(
            lambda number=number: done.append(number) or number,
            lambda outcome: told.append((outcome, threading.current_thread().name)),
        )
    assert await thread.ask(lambda: threading.current_thread().name) == "disk"
    assert done == [0, 1, 2]
    assert told == [(number, threading.current_thread().name) for number in range(3)]
    assert await thread.close(limit=10)


async def test_a_failure_is_an_outcome_and_ends_nothing() -> None:
    thread = DiskThread("disk")
    told: list[object] = []
    thread.submit(lambda: 1 // 0, told.append)
    with pytest.raises(OSError, match="full"):
        await thread.ask(lambda: (_ for _ in ()).throw(OSError("full")))
    assert isinstance(told[0], ZeroDivisionError)
    assert await thread.ask(lambda: 7) == 7
    assert await thread.close(limit=10)


async def test_closing_waits_for_what_was_submitted_but_not_for_ever() -> None:
    thread, gate = DiskThread("disk"), threading.Event()
    thread.submit(lambda: gate.wait(20))
    assert not await thread.close(limit=0.05)
    gate.set()
    await eventually(thread._has_ended.is_set, "the end")


async def test_without_work_there_is_no_thread() -> None:
    before = threading.active_count()
    thread = DiskThread("disk")
    assert await thread.close(limit=10)
    assert threading.active_count() == before


async def test_the_loop_goes_on_while_the_disk_hangs() -> None:
    thread, gate = DiskThread("disk"), threading.Event()
    asking = asyncio.create_task(thread.ask(lambda: gate.wait(20)))
    for _ in range(3):
        await asyncio.sleep(0)
    assert not asking.done()
    gate.set()
    assert await asking
    assert await thread.close(limit=10)
