"""Connections that the server ends: how many there may be, and what is said of their ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from authsvc.extauthz.fastlane import faults
from authsvc.extauthz.fastlane import frames as f
from authsvc.extauthz.fastlane.calls import Unary
from authsvc.extauthz.fastlane.endings import Ending, Endings, ending_of
from authsvc.extauthz.fastlane.limits import Limits
from authsvc.extauthz.fastlane.server import Server, listen
from tests.deadline import eventually

GREETING = f.PREFACE + f.settings({})
LIMITS = Limits(connections=2, control_frames=10)


class Counted:
    """``ConnectionMetrics`` that remember."""

    def __init__(self) -> None:
        self.open = 0
        self.most = 0
        self.ends: list[Ending] = []

    def connected(self, connections: int) -> None:
        self.open = connections
        self.most = max(self.most, connections)

    def ended(self, ending: Ending) -> None:
        self.ends.append(ending)


@pytest.fixture
def counted() -> Counted:
    return Counted()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Callable[[], "asyncio.Future[Peer]"]]:
    peers: list[Peer] = []
    async with listen(server, "127.0.0.1:0") as address:
        host, _, port = address.rpartition(":")

        async def connect() -> Peer:
            peers.append(Peer(*await asyncio.open_connection(host, int(port))))
            return peers[-1]

        yield connect
    await server.drain(grace=0.0, limit=0.0)
    for peer in peers:
        await peer.close()


class Peer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    async def is_served(self) -> None:
        """Return once it has said its SETTINGS, and ours are acknowledged."""
        self.say(GREETING)
        await self._reader.readuntil(f.frame(f.SETTINGS, f.ACK, 0))

    async def rest(self) -> bytes:
        """Return what comes until the server closes."""
        try:
            return await self._reader.read()
        except ConnectionResetError:
            return b""

    async def close(self) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            return


async def echo(message: bytes) -> bytes:
    return message


def a_server(counted: Counted, limits: Limits = LIMITS) -> Server:
    return Server({b"/test.Service/Echo": Unary(echo)}, limits=limits, metrics=counted)


async def test_one_connection_too_many_is_closed_at_once_and_the_others_stay(
    counted: Counted,
) -> None:
    server = a_server(counted)
    async with serving(server) as connect:
        served = [await connect(), await connect()]
        for peer in served:
            await peer.is_served()
        one_too_many = await connect()
        said = await one_too_many.rest()
        assert said.endswith(faults.TOO_MANY.encode())
        await eventually(lambda: server.connections == 2, "its end")
        served[0].say(f.frame(f.PING, 0, 0, b"is there?"[:8]))
        assert b"is there" in await served[0]._reader.readuntil(b"is there")
    assert counted.ends[0] is Ending.TOO_MANY


async def test_who_leaves_makes_room(counted: Counted) -> None:
    server = a_server(counted)
    async with serving(server) as connect:
        first, second = await connect(), await connect()
        await second.is_served()
        await first.close()
        await eventually(lambda: server.connections == 1, "its end")
        await (await connect()).is_served()
        assert counted.ends == []
        assert counted.open == 2
    assert counted.open == 0


PROVOKED = {
    "no HTTP/2": (b"GET / HTTP/1.1\r\n\r\n", Ending.PROTOCOL_ERROR),
    "a flood of pings": (GREETING + f.frame(f.PING, 0, 0, bytes(8)) * 30, Ending.FLOOD),
    "a frame that is too large": (GREETING + f.frame(f.DATA, 0, 1, bytes(20_000)), "frame_size"),
    "a block that nobody can read": (
        GREETING + f.frame(f.HEADERS, f.END_HEADERS, 1, b"\xff" * 8),
        Ending.COMPRESSION_ERROR,
    ),
    "a window that is too large": (
        GREETING + f.window_update(0, 2**31 - 1),
        Ending.FLOW_CONTROL_ERROR,
    ),
}


@pytest.mark.parametrize("name", PROVOKED)
async def test_the_fault_of_a_peer_is_counted_and_logged_without_what_it_said(
    counted: Counted, name: str
) -> None:
    sent, ending = PROVOKED[name]
    async with serving(a_server(counted)) as connect:
        with capture_logs() as logs:
            peer = await connect()
            peer.say(sent)
            await peer.rest()
            await eventually(lambda: counted.ends, "the end")
    assert counted.ends[0].value.startswith(ending)
    line = next(line for line in logs if line["event"] == "connection ended")
    assert (line["ending"], line["peer"]) == (counted.ends[0].value, "127.0.0.1")
    assert "HTTP/1.1" not in str(line)


CLOCKED = {
    "a peer that does not greet": (replace(LIMITS, greeting_seconds=0.0), b"", Ending.NO_GREETING),
    "one that asks nothing": (replace(LIMITS, idle_seconds=0.0), GREETING, Ending.IDLE),
    "one that is old": (
        replace(LIMITS, age_seconds=0.0, request_seconds=0.0),
        GREETING,
        Ending.AGE,
    ),
}


@pytest.mark.parametrize("name", CLOCKED)
async def test_an_end_by_the_clock_is_counted(counted: Counted, name: str) -> None:
    limits, sent, ending = CLOCKED[name]
    server = a_server(counted, limits)
    async with serving(server) as connect:
        peer = await connect()
        peer.say(sent)
        await eventually(lambda: server.connections == 1, "the connection")
        server.tick(asyncio.get_running_loop().time())
        await peer.rest()
    assert counted.ends == [ending]


async def test_the_ends_of_a_server_that_stops_are_told_apart(counted: Counted) -> None:
    server = a_server(counted)
    async with serving(server) as connect:
        await (await connect()).is_served()
        await server.drain(grace=0.0, limit=0.0)
    assert counted.ends == [Ending.STOPPING]


def test_of_many_alike_one_line_a_minute_is_logged_with_their_number(counted: Counted) -> None:
    endings = Endings(counted)
    with capture_logs() as logs:
        for now in (0.0, 1.0, 59.0, 60.0):
            endings.note(Ending.FLOOD, "too much", peer="192.0.2.1", now=now)
        endings.note(Ending.TOO_MANY, "too many", peer=None, now=60.0)
    assert [(line["ending"], line["unlogged_before"]) for line in logs] == [
        ("flood", 0),
        ("flood", 2),
        ("too_many", 0),
    ]
    assert len(counted.ends) == 5


def test_what_is_expected_is_not_logged(counted: Counted) -> None:
    with capture_logs() as logs:
        for ending in (Ending.IDLE, Ending.AGE, Ending.SPREAD, Ending.STOPPING):
            Endings(counted).note(ending, "as expected", peer=None, now=0.0)
    assert logs == []


def test_every_code_that_ends_a_connection_has_a_name() -> None:
    not_of_connections = {faults.REFUSED_STREAM, faults.CANCEL}
    codes = {value for value in vars(faults).values() if isinstance(value, int)}
    for code in codes - not_of_connections:
        assert ending_of(code, "any") in Ending
