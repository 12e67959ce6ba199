"""Answers that wait for the workers."""

import asyncio

import pytest

from authsvc.errors import StoreUnavailableError
from authsvc.memory import MemoryDatabase
from sidecar.admin.applied import AppliedWait
from sidecar.admin.arguments import Arguments
from sidecar.admin.call import Reply
from sidecar.admin.problems import ProblemError


class Board:
    """An ``AppliedBoard`` that says what it is told to, one after the other."""

    def __init__(self, *answers: int | Exception | None) -> None:
        self.answers = list(answers)

    async def slowest(self) -> int | None:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def report(self, worker: str, seq: int) -> None:
        raise NotImplementedError

    async def leave(self, worker: str) -> None:
        raise NotImplementedError


def waiting(board: Board, limit: float = 5.0) -> AppliedWait:
    changes = MemoryDatabase().changes
    return AppliedWait(board=board, changes=changes, limit=limit, interval=0.001)


async def test_it_ends_when_the_slowest_worker_is_there() -> None:
    board = Board(3, 6, 7, 8)
    await waiting(board).wait(Reply(wrote=True, seq=7))
    assert board.answers == [8]


async def test_without_workers_there_is_nothing_to_wait_for() -> None:
    await waiting(Board(None)).wait(Reply(wrote=True, seq=7))


async def test_what_was_not_written_is_not_waited_for() -> None:
    board = Board(StoreUnavailableError())
    await waiting(board).wait(Reply())


async def test_a_write_that_changed_nothing_waits_for_what_was_before() -> None:
    board = Board(0)
    await waiting(board).wait(Reply(wrote=True, seq=None))


LATE = {
    "too slow": Board(6),
    "board away": Board(StoreUnavailableError()),
}


@pytest.mark.parametrize("board", LATE.values(), ids=LATE)
async def test_when_it_takes_too_long_the_write_is_said_to_be_done(board: Board) -> None:
    with pytest.raises(ProblemError) as problem:
        await waiting(board, limit=0.01).wait(Reply(wrote=True, seq=7))
    assert problem.value.status == 504
    assert problem.value.body is not None
    assert "write itself is done" in problem.value.body["message"]


async def test_a_caller_that_goes_away_is_not_taken_for_a_slow_worker() -> None:
    task = asyncio.create_task(waiting(Board(0)).wait(Reply(wrote=True, seq=7)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_only_applied_can_be_waited_for() -> None:
    assert AppliedWait.is_wanted(Arguments.parse("wait=applied"))
    assert not AppliedWait.is_wanted(Arguments.parse(""))
    for query in ("wait", "wait=", "wait=done"):
        with pytest.raises(ProblemError):
            AppliedWait.is_wanted(Arguments.parse(query))
