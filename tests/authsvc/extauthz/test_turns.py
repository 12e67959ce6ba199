"""Work waits where there is much of it, in order, and for nobody who has gone."""

import asyncio

from authsvc.extauthz.turns import Turns


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
