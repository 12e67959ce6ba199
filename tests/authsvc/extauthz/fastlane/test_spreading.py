"""Claims about spreading connections over processes."""

import asyncio
import random
from collections.abc import Sequence

import grpc.aio
import pytest

from authsvc.extauthz.fastlane import server as sockets
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.methods import Unary
from authsvc.extauthz.fastlane.server import Server, listen
from authsvc.extauthz.fastlane.spreading import BUSY_BYTES, REST_LOOKS, Spreading, surplus_of
from tests.deadline import eventually

SURPLUS = {
    "as even as can be": (2, (1, 2, 1), 0),
    "all even": (3, (3, 3), 0),
    "nobody else": (7, (), 0),
    "the fullest of two": (2, (0,), 1),
    "much too full": (8, (0, 0, 0), 6),
    "one too many, though the share is not reached": (3, (1, 3, 3, 3), 1),
    "both too full": (3, (3, 0), 1),
    "less than the others": (0, (2, 2), 0),
    "not busy": (0, (0,), 0),
}


@pytest.mark.parametrize("name", SURPLUS)
def test_what_is_too_much_is_what_is_beyond_an_even_share(name: str) -> None:
    own, others, expected = SURPLUS[name]
    assert surplus_of(own, others) == expected


class Line:
    """A connection of which it can be said how much came on it."""

    def __init__(self, *, busy: bool = True) -> None:
        self.received = 0
        self.is_leaving = False
        self.is_busy = busy

    def ask(self) -> None:
        self.received += BUSY_BYTES if self.is_busy else BUSY_BYTES - 1

    def make_room(self) -> None:
        self.is_leaving = True


class Place:
    """What one process says and hears."""

    def __init__(self, told: list[int], at: int) -> None:
        self._told = told
        self._at = at

    def exchange(self, busy: int) -> Sequence[int]:
        self._told[self._at] = busy
        return self._told[: self._at] + self._told[self._at + 1 :]


class Others:
    """Neighbours that say what the test says."""

    def __init__(self, *busy: int) -> None:
        self.busy = list(busy)
        self.told: list[int] = []

    def exchange(self, busy: int) -> Sequence[int]:
        self.told.append(busy)
        return self.busy


def look(spreading: Spreading, lines: Sequence[Line]) -> None:
    for line in lines:
        line.ask()
    spreading.look()


def test_busy_connections_that_are_too_many_are_asked_to_go() -> None:
    lines, others = [Line() for _ in range(4)], Others(0)
    look(Spreading(lambda: lines, neighbours=others), lines)
    assert others.told == [4]
    assert sum(line.is_leaving for line in lines) == 2


def test_what_is_not_busy_neither_counts_nor_goes() -> None:
    lines, others = [Line(busy=False) for _ in range(4)] + [Line()], Others(0)
    look(Spreading(lambda: lines, neighbours=others), lines)
    assert others.told == [1]
    assert not any(line.is_leaving for line in lines)


def test_what_was_busy_once_is_not_busy_for_ever() -> None:
    lines, others = [Line(), Line()], Others(5)
    spreading = Spreading(lambda: lines, neighbours=others)
    look(spreading, lines)
    spreading.look()
    assert others.told == [2, 0]


def test_after_peers_were_asked_to_go_there_is_time_for_them_to_come_again() -> None:
    lines, others = [Line() for _ in range(8)], Others(0)
    spreading = Spreading(lambda: lines, neighbours=others)
    gone = []
    for _ in range(REST_LOOKS + 2):
        look(spreading, lines)
        gone.append(sum(line.is_leaving for line in lines))
    assert gone == [4] * (REST_LOOKS + 1) + [6]
    assert others.told == [8] + [4] * (REST_LOOKS + 1)


SETTLED = 20  # seconds
LIMIT = 600


class Machine:
    """Processes on one port, and a kernel that deals connections out at random."""

    def __init__(self, *, processes: int, connections: int, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be a secret
        self.lines: list[list[Line]] = [[] for _ in range(processes)]
        self.told = [0] * processes
        self.spreadings = [
            Spreading(lambda at=at: self.lines[at], neighbours=Place(self.told, at))
            for at in range(processes)
        ]
        for _ in range(connections):
            self.connect()

    def connect(self) -> None:
        self.chance.choice(self.lines).append(Line())

    def pass_a_second(self) -> None:
        for lines, spreading in zip(self.lines, self.spreadings, strict=True):
            look(spreading, lines)
        for lines in self.lines:
            leaving = [line for line in lines if line.is_leaving]
            for line in leaving:
                lines.remove(line)
                self.connect()

    @property
    def is_even(self) -> bool:
        counts = [len(lines) for lines in self.lines]
        return max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("processes", "connections"), [(2, 2), (2, 4), (4, 4), (8, 8), (3, 16)])
def test_in_the_end_all_have_as_many_and_then_nobody_is_moved(
    processes: int, connections: int
) -> None:
    for seed in range(20):
        machine = Machine(processes=processes, connections=connections, seed=seed)
        seconds = even = 0
        while even < SETTLED:
            machine.pass_a_second()
            seconds += 1
            even = even + 1 if machine.is_even else 0
            assert seconds < LIMIT
        kept = [line for lines in machine.lines for line in lines]
        for _ in range(SETTLED):
            machine.pass_a_second()
        assert [line for lines in machine.lines for line in lines] == kept


def echoing() -> Server:
    return Server({b"/test.Service/Echo": Unary(lambda message: message)}, limits=Limits())


async def ask_on(address: str, stop: asyncio.Event) -> None:
    """Ask one thing after the other on a connection of one's own; raise if one fails."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        echo = channel.unary_unary("/test.Service/Echo")
        while not stop.is_set():
            assert await echo(b"x" * BUSY_BYTES)


async def test_a_process_that_comes_later_gets_its_share_and_no_call_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "TICK_SECONDS", 0.1)
    first, second = echoing(), echoing()
    told, stop = [0, 0], asyncio.Event()
    async with (
        asyncio.TaskGroup() as tasks,
        listen(first, "127.0.0.1:0", neighbours=Place(told, 0)) as address,
    ):
        for _ in range(4):
            tasks.create_task(ask_on(address, stop))
        await eventually(lambda: first.connections == 4, "all to be connected")
        async with listen(second, address, neighbours=Place(told, 1)):
            await eventually(lambda: told == [2, 2], "both to have as many", within=60.0)
            stop.set()
    await asyncio.gather(first.drain(), second.drain())
