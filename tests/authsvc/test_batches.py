"""Claims about questions to the store that are put together."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import pytest

from authsvc.batches import Batches
from authsvc.errors import StoreUnavailableError

LONG = 60.0  # seconds: longer than any test


class Store:
    """Answers when told, with what was there when it was asked."""

    def __init__(self) -> None:
        self.content: dict[str, int] = {}
        self.asked: list[tuple[str, ...]] = []
        self.waiting: list[asyncio.Future[None]] = []

    async def ask(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.asked.append(tuple(keys))
        seen = {key: self.content[key] for key in keys if key in self.content}
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(answered)
        await answered
        return seen

    async def answer(self, at: int = 0, failure: BaseException | None = None) -> None:
        answered = self.waiting.pop(at)
        if failure is None:
            answered.set_result(None)
        else:
            answered.set_exception(failure)
        await settled()


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def started(*questions: Coroutine[Any, Any, Any]) -> list[asyncio.Task[Any]]:
    tasks = [asyncio.create_task(question) for question in questions]
    await settled()
    return tasks


@pytest.fixture
def store() -> Store:
    store = Store()
    store.content = {"a": 1, "b": 2}
    return store


async def test_questions_of_one_moment_are_asked_together(store: Store) -> None:
    batches = Batches(store.ask, patience=LONG)
    answers = await started(*(batches.find(key) for key in "abc"))
    assert store.asked == [("a", "b", "c")]
    await store.answer()
    assert await asyncio.gather(*answers) == [1, 2, None]


async def test_while_all_lanes_are_taken_the_next_batch_collects(store: Store) -> None:
    batches = Batches(store.ask, lanes=2, patience=LONG)
    answers = []
    for key in "abcd":
        answers += await started(batches.find(key))
    assert store.asked == [("a",), ("b",)]
    await store.answer(1)
    assert store.asked == [("a",), ("b",), ("c", "d")]
    assert [answer.done() for answer in answers] == [False, True, False, False]
    await store.answer()
    await store.answer()
    assert await asyncio.gather(*answers) == [1, 2, None, None]


async def test_a_batch_is_bounded(store: Store) -> None:
    batches = Batches(store.ask, size=2, lanes=1, patience=LONG)
    answers = await started(*(batches.find(key) for key in "abcde"))
    for number in (1, 2, 3):  # one after the other: there is one lane
        assert len(store.asked) == number
        await store.answer()
    assert store.asked == [("a", "b"), ("c", "d"), ("e",)]
    assert await asyncio.gather(*answers) == [1, 2, None, None, None]


async def test_who_asks_while_the_same_is_under_way_is_told_what_is_there_now(store: Store) -> None:
    batches = Batches(store.ask, lanes=2, patience=LONG)
    [before] = await started(batches.find("a"))
    store.content["a"] = 7
    [after] = await started(batches.find("a"))
    assert store.asked == [("a",), ("a",)]
    await store.answer()
    await store.answer()
    assert (await before, await after) == (1, 7)


async def test_who_asks_while_the_same_waits_for_a_lane_shares_the_question(store: Store) -> None:
    batches = Batches(store.ask, lanes=1, patience=LONG)
    await started(batches.find("x"))
    answers = await started(batches.find("a"), batches.find("a"))
    await store.answer()
    assert store.asked == [("x",), ("a",)]
    await store.answer()
    assert await asyncio.gather(*answers) == [1, 1]


@pytest.mark.parametrize("failure", [StoreUnavailableError("away"), RuntimeError("a bug")])
async def test_a_failure_is_that_of_one_batch(store: Store, failure: Exception) -> None:
    batches = Batches(store.ask, size=1, lanes=2, patience=LONG)
    first, second, third = await started(*(batches.find(key) for key in "abc"))
    await store.answer(failure=failure)
    with pytest.raises(type(failure)) as caught:
        await first
    assert caught.value is failure
    await store.answer()
    await store.answer()
    assert (await second, await third) == (2, None)


async def test_a_batch_that_is_cancelled_from_below_is_an_outage(store: Store) -> None:
    batches = Batches(store.ask, patience=LONG)
    [answer] = await started(batches.find("a"))
    await store.answer(failure=asyncio.CancelledError())
    with pytest.raises(StoreUnavailableError):
        await answer


async def test_one_caller_that_is_cancelled_does_no_harm_to_the_others(store: Store) -> None:
    batches = Batches(store.ask, patience=LONG)
    first, second, third = await started(*(batches.find(key) for key in "aab"))
    first.cancel()
    await settled()
    await store.answer()
    assert first.cancelled()
    assert (await second, await third) == (1, 2)


async def test_what_nobody_waits_for_any_more_is_not_asked(store: Store) -> None:
    batches = Batches(store.ask, lanes=1, patience=LONG)
    await started(batches.find("x"))
    given_up, kept = await started(batches.find("a"), batches.find("b"))
    given_up.cancel()
    await settled()
    await store.answer()
    assert store.asked == [("x",), ("b",)]
    await store.answer()
    assert await kept == 2


async def test_no_answer_in_time_is_an_outage_for_those_in_a_lane_and_for_those_before_it(
    store: Store,
) -> None:
    batches = Batches(store.ask, lanes=1, patience=0.01)
    answers = [*await started(batches.find("a")), *await started(batches.find("b"))]
    for answer in answers:
        with pytest.raises(StoreUnavailableError):
            await answer
    assert store.asked == [("a",)]
    await store.answer()
    assert store.asked == [("a",)]


async def test_a_late_failure_that_nobody_waits_for_is_no_alarm(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    batches = Batches(store.ask, patience=0.01)
    with pytest.raises(StoreUnavailableError):
        await batches.find("a")
    await store.answer(failure=StoreUnavailableError("away"))
    assert not caplog.records


async def test_closing_ends_what_is_under_way(store: Store) -> None:
    batches = Batches(store.ask, patience=LONG)
    [answer] = await started(batches.find("a"))
    await batches.close()
    with pytest.raises(StoreUnavailableError):
        await answer
