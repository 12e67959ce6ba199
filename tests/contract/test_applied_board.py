"""The port ``AppliedBoard``."""

from authsvc.store import LIVE_SECONDS, Stores
from tests.contract.harness import Harness


async def test_an_empty_board_has_no_slowest(stores: Stores) -> None:
    assert await stores.board.slowest() is None


async def test_the_slowest_is_the_smallest_seq_of_all(stores: Stores) -> None:
    for worker, seq in (("a", 7), ("b", 3), ("c", 5)):
        await stores.board.report(worker, seq)
    assert await stores.board.slowest() == 3


async def test_a_later_report_takes_the_place_of_the_earlier(stores: Stores) -> None:
    await stores.board.report("a", 3)
    await stores.board.report("a", 9)
    assert await stores.board.slowest() == 9


async def test_a_worker_that_left_no_longer_counts(stores: Stores) -> None:
    await stores.board.report("a", 3)
    await stores.board.report("b", 9)
    await stores.board.leave("a")
    await stores.board.leave("never there")
    assert await stores.board.slowest() == 9


async def test_a_worker_that_is_silent_no_longer_counts(stores: Stores, harness: Harness) -> None:
    await stores.board.report("silent", 3)
    await harness.age(LIVE_SECONDS + 1)
    await stores.board.report("alive", 9)
    assert await stores.board.slowest() == 9
    await stores.board.report("silent", 4)
    assert await stores.board.slowest() == 4


async def test_a_worker_counts_for_as_long_as_promised(stores: Stores, harness: Harness) -> None:
    await stores.board.report("a", 3)
    await harness.age(LIVE_SECONDS - 2)
    assert await stores.board.slowest() == 3


async def test_workers_that_ended_without_a_word_do_not_pile_up(
    stores: Stores, harness: Harness
) -> None:
    for number in range(3):
        await stores.board.report(f"w{number}", number)
    await harness.age(7200)
    await stores.board.report("w0", 5)
    await stores.board.report("new", 6)
    assert await stores.board.slowest() == 5
