"""The socket, with real viewers."""

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from analytics.errors import ListenError
from analytics.tail import MAX_VIEWERS, Tail
from analytics.tail_socket import reachable, serve_tail
from tests.deadline import eventually


class Viewer:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def line(self) -> Any:
        async with asyncio.timeout(20):
            return json.loads(await self.reader.readline())

    async def ended(self) -> bool:
        async with asyncio.timeout(20):
            return await self.reader.read() == b""


@asynccontextmanager
async def viewer(path: Path, request: bytes = b"{}\n") -> AsyncIterator[Viewer]:
    with reachable(path) as name:
        reader, writer = await asyncio.open_unix_connection(name, limit=2**20)
    writer.write(request)
    try:
        yield Viewer(reader, writer)
    finally:
        writer.close()


def viewers_of(tail: Tail) -> int:
    return len(tail._viewers)


async def test_a_viewer_gets_the_events_that_it_wants(tmp_path: Path) -> None:
    tail, path = Tail(), tmp_path / "t.sock"
    async with serve_tail(path, tail), viewer(path, b'{"consumer":"ada"}\n') as it:
        await eventually(lambda: viewers_of(tail), "a viewer")
        tail.show(orjson.dumps({"user_id": "bob"}))
        tail.show(orjson.dumps({"user_id": "ada", "n": 1}))
        assert await it.line() == {"user_id": "ada", "n": 1}
        it.writer.close()
        await eventually(lambda: not viewers_of(tail), "its end")


async def test_only_the_owner_can_connect(tmp_path: Path) -> None:
    path = tmp_path / "t.sock"
    async with serve_tail(path, Tail()):
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
    assert not path.exists()


async def test_a_path_may_be_longer_than_a_socket_can_have(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200)
    folder.mkdir()
    tail = Tail()
    async with serve_tail(folder / "t.sock", tail), viewer(folder / "t.sock"):
        await eventually(lambda: viewers_of(tail), "a viewer")


async def test_what_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    tail = Tail()
    async with serve_tail(path, tail), viewer(path):
        await eventually(lambda: viewers_of(tail), "a viewer")


async def test_the_younger_of_two_is_watched_and_stays_so(tmp_path: Path) -> None:
    path, tail = tmp_path / "t.sock", Tail()
    older = serve_tail(path, Tail())
    await older.__aenter__()
    async with serve_tail(path, tail):
        await older.__aexit__(None, None, None)
        async with viewer(path):
            await eventually(lambda: viewers_of(tail), "a viewer")


REFUSED = {
    "no JSON": b"what?\n",
    "nothing": b"\n",
    "something else": b'{"password":"x"}\n',
    "no status": b'{"status":"bad"}\n',
    "too long": b'{"consumer":"' + b"x" * 100_000 + b'"}\n',
}


@pytest.mark.parametrize("request_line", REFUSED.values(), ids=REFUSED)
async def test_a_viewer_that_asks_for_something_else_is_told(
    tmp_path: Path, request_line: bytes
) -> None:
    path = tmp_path / "t.sock"
    async with serve_tail(path, Tail()), viewer(path, request_line) as it:
        assert (await it.line())["error"].startswith("expected a line of JSON")
        assert await it.ended()


async def test_there_are_not_too_many(tmp_path: Path) -> None:
    path, tail = tmp_path / "t.sock", Tail()
    async with serve_tail(path, tail):
        sockets = []
        for number in range(MAX_VIEWERS):
            sockets.append(viewer(path))
            await sockets[-1].__aenter__()
            await eventually(lambda wanted=number + 1: viewers_of(tail) == wanted, "a viewer")
        async with viewer(path) as it:
            assert await it.line() == {"error": "too many watch already"}
        for each in sockets:
            await each.__aexit__(None, None, None)


async def test_one_that_does_not_read_neither_blocks_nor_grows(tmp_path: Path) -> None:
    path, tail = tmp_path / "t.sock", Tail()
    event = orjson.dumps({"user_id": "x" * 100_000})
    async with serve_tail(path, tail), viewer(path) as it:
        await eventually(lambda: viewers_of(tail), "a viewer")
        for _ in range(1000):  # 100 MB
            tail.show(event)
        unread = tail._viewers[0]._view._writer.transport.get_write_buffer_size()  # type: ignore[attr-defined]
        assert unread < 5 * 1024 * 1024
        while "missed" not in (line := await it.line()):
            tail.show(event)
            await asyncio.sleep(0)
        assert line["missed"] > 900


async def test_leaving_ends_those_who_watch(tmp_path: Path) -> None:
    path, tail = tmp_path / "t.sock", Tail()
    async with serve_tail(path, tail):
        watching = viewer(path)
        it = await watching.__aenter__()
        await eventually(lambda: viewers_of(tail), "a viewer")
    assert await it.ended()
    await watching.__aexit__(None, None, None)


async def test_without_its_folder_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="No such file"):
        async with serve_tail(tmp_path / "away" / "t.sock", Tail()):
            pass
