"""Work waits where there is much of it, in order, and for nobody who has gone."""

import asyncio
from itertools import pairwise

from authsvc.extauthz.turns import Postponed, Turns


async def turn() -> None:
    await asyncio.sleep(0)


async def test_so_much_is_begun_in_one_turn_and_no_more() -> None:
    turns = Turns(3)

    assert [turns.take() for _ in range(5)] == [True, True, True, False, False]


async def test_in_the_next_turn_as_much_may_be_begun_again() -> None:
    turns = Turns(2)
    for _ in range(3):
        assert [turns.take() for _ in range(3)] == [True, True, False]
        await turn()


async def test_who_waits_goes_in_the_order_in_which_it_came_so_many_in_each_turn() -> None:
    turns = Turns(2)
    begun: list[int] = []

    async def work(number: int) -> None:
        await turns.wait()
        begun.append(number)

    tasks = [asyncio.create_task(work(number)) for number in range(7)]
    seen = []
    while len(begun) < 7:
        await turn()
        seen.append(len(begun))

    assert begun == list(range(7))
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) == 2
    await asyncio.gather(*tasks)


async def test_where_very_many_wait_they_wait_for_few_turns() -> None:
    turns, taker = Turns(1), Taker()
    for number in range(16_000):
        taker.postponed(turns, b"%d" % number).give(taker.take)

    for _ in range(300):
        await turn()

    assert taker.given == 16_000


async def test_nobody_overtakes_who_waits() -> None:
    turns = Turns(1)
    assert turns.take()
    waiting = [asyncio.create_task(turns.wait()) for _ in range(2)]
    await turn()

    while not all(task.done() for task in waiting):
        assert not turns.take()
        await turn()


async def test_who_gives_up_takes_nobodys_turn() -> None:
    turns = Turns(1)
    assert turns.take()
    gone, stays = asyncio.create_task(turns.wait()), asyncio.create_task(turns.wait())
    await turn()
    gone.cancel()

    await asyncio.wait_for(stays, 5)

    assert gone.cancelled()


async def test_when_nothing_is_begun_any_more_nothing_goes_on() -> None:
    turns = Turns(1)
    assert turns.take()
    for _ in range(3):
        await turn()

    assert turns._next is None


def test_without_an_event_loop_nothing_waits() -> None:
    turns = Turns(1)

    assert all(turns.take() for _ in range(3))


class Taker:
    """Takes answers, as long as they are wanted."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.given = 0
        self.is_wanted = True

    def postponed(self, turns: Turns, message: bytes) -> Postponed:
        return Postponed(turns, message, given=self.note)

    def note(self) -> None:
        self.given += 1

    def take(self, message: bytes) -> bool:
        if self.is_wanted:
            self.taken.append(message)
        return self.is_wanted


async def test_an_answer_that_is_ready_is_given_when_it_is_its_turn() -> None:
    turns, taker = Turns(1), Taker()
    assert turns.take()

    for number in range(3):
        taker.postponed(turns, b"%d" % number).give(taker.take)

    seen = [len(taker.taken)]
    while len(taker.taken) < 3:
        await turn()
        seen.append(len(taker.taken))
    assert taker.taken == [b"0", b"1", b"2"]
    assert max(after - before for before, after in pairwise(seen)) == 1
    assert taker.given == 3


async def test_it_can_be_awaited_as_well() -> None:
    turns, taker = Turns(1), Taker()

    assert await asyncio.wait_for(ensured(taker.postponed(turns, b"answer")), 5) == b"answer"

    assert taker.given == 1


async def ensured(postponed: Postponed) -> bytes:
    return await postponed


async def test_an_answer_that_nobody_wants_takes_nobodys_turn_and_is_not_given() -> None:
    turns, gone, stays = Turns(1), Taker(), Taker()
    assert turns.take()
    gone.postponed(turns, b"gone").give(gone.take)
    stays.postponed(turns, b"stays").give(stays.take)
    gone.is_wanted = False

    await turn()

    assert (gone.taken, gone.given) == ([], 0)
    assert (stays.taken, stays.given) == ([b"stays"], 1)


async def test_a_fault_of_one_does_not_keep_the_others_waiting() -> None:
    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told))
    turns, taker = Turns(1), Taker()
    taker.postponed(turns, b"answer").give(broken)
    taker.postponed(turns, b"answer").give(taker.take)

    for _ in range(3):
        await turn()

    assert taker.taken == [b"answer"]
    assert len(faults) == 1


def broken(_message: bytes) -> bool:
    raise ValueError("broken")
