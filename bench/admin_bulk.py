"""``python -m bench.admin_bulk``: many consumers with one key each, through the Admin API.

Creates them, lists all of it page by page, and deletes them, against an embedded Postgres; prints
how long that took and what the admin process's memory did.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from authsvc.postgres.migrate import migrate
from authsvc.root_key import RootKey
from sidecar.embedded_postgres import EmbeddedPostgres

_URL = "http://127.0.0.1:{}"
_START = 30.0  # seconds
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Phase:
    """What one phase did."""

    name: str
    requests: int
    seconds: float
    slowest: float  # seconds
    resident: int  # bytes, afterwards


class Client:
    """Asks with a few connections at once, and notes the slowest answer."""

    def __init__(self, session: aiohttp.ClientSession, url: str, *, at_once: int) -> None:
        self._session = session
        self._url = url
        self._at_once = at_once
        self.requests = 0
        self.slowest = 0.0

    async def send(self, method: str, path: str, body: Any = None) -> Any:
        began = time.perf_counter()
        async with self._session.request(method, self._url + path, json=body) as answer:
            text = await answer.read()
            assert answer.status < 300, (answer.status, text)
            found = await answer.json() if text else None
        self.requests += 1
        self.slowest = max(self.slowest, time.perf_counter() - began)
        return found

    async def each(self, work: Iterable[Callable[[], Awaitable[Any]]]) -> None:
        waiting = iter(work)

        async def take() -> None:
            for one in waiting:
                await one()

        await asyncio.gather(*(take() for _ in range(self._at_once)))

    async def rows(self, path: str) -> AsyncIterator[Any]:
        page: str | None = f"{path}?size={_PAGE}"
        while page:
            answer = await self.send("GET", page)
            for row in answer["data"]:
                yield row
            page = answer["next"]


async def run(count: int, at_once: int) -> list[Phase]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with EmbeddedPostgres(Path(folder)) as dsn:
            await migrate(dsn)
            with _admin(Path(folder), dsn) as (pid, port):
                async with aiohttp.ClientSession(trust_env=False) as session:
                    await _until_ready(session, port)
                    return await _phases(session, pid, port, count, at_once)


async def _phases(
    session: aiohttp.ClientSession, pid: int, port: int, count: int, at_once: int
) -> list[Phase]:
    phases = [Phase("start", 0, 0.0, 0.0, _resident(pid))]

    @asynccontextmanager
    async def phase(name: str) -> AsyncIterator[Client]:
        client = Client(session, _URL.format(port), at_once=at_once)
        began = time.perf_counter()
        yield client
        seconds = time.perf_counter() - began
        phases.append(Phase(name, client.requests, seconds, client.slowest, _resident(pid)))

    async with phase("create") as client:
        await client.each(_creations(client, count))
    async with phase("list") as client:
        consumers = [row["id"] async for row in client.rows("/consumers")]
        keys = [row["key"] async for row in client.rows("/key-auths-enc")]
        assert len(consumers) == len(set(keys)) == count
    async with phase("delete") as client:
        await client.each(_deletions(client, consumers))
    async with phase("list again") as client:
        assert not [row async for row in client.rows("/key-auths-enc")]
    return phases


def _creations(client: Client, count: int) -> Iterator[Callable[[], Awaitable[Any]]]:
    for number in range(count):

        async def create(name: str = f"consumer-{number}") -> None:
            await client.send("POST", "/consumers", {"username": name, "tags": ["bulk"]})
            await client.send("POST", f"/consumers/{name}/key-auth-enc", {})

        yield create


def _deletions(client: Client, ids: list[str]) -> Iterator[Callable[[], Awaitable[Any]]]:
    for consumer_id in ids:

        async def delete(path: str = f"/consumers/{consumer_id}") -> None:
            await client.send("DELETE", path)

        yield delete


@contextmanager
def _admin(folder: Path, dsn: str) -> Iterator[tuple[int, int]]:
    key = folder / "bench.root.key"
    key.write_text(RootKey.generate_base64())
    key.chmod(0o600)
    port = _free_port()
    settings = {
        "TOLLKEEPER_DATABASE__URL": dsn,
        "TOLLKEEPER_KEYRING__ROOT_KEY_FILE": str(key),
        "TOLLKEEPER_ADMIN__LISTEN": f"127.0.0.1:{port}",
        "TOLLKEEPER_DIAGNOSTICS__LISTEN": "null",
        "TOLLKEEPER_LOG__LEVEL": "warning",
    }
    command = [str(Path(sys.executable).with_name("tollkeeper")), "run", "--role", "admin"]
    with subprocess.Popen(command, env=os.environ | settings) as process:
        try:
            yield process.pid, port
        finally:
            process.terminate()
            process.wait(timeout=30)


async def _until_ready(session: aiohttp.ClientSession, port: int) -> None:
    async with asyncio.timeout(_START):
        while True:
            try:
                async with session.get(_URL.format(port) + "/status"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.admin_bulk", description=__doc__)
    parser.add_argument("--consumers", type=int, default=20_000)
    parser.add_argument("--at-once", type=int, default=8, help="requests in flight")
    options = parser.parse_args()
    print(f"{'phase':<12}{'requests':>9}{'seconds':>9}{'per s':>8}{'slowest':>10}{'resident':>11}")
    for one in asyncio.run(run(options.consumers, options.at_once)):
        rate = f"{one.requests / one.seconds:.0f}" if one.seconds else "-"
        print(
            f"{one.name:<12}{one.requests:>9}{one.seconds:>9.1f}{rate:>8}"
            f"{one.slowest * 1000:>7.0f} ms{one.resident / 2**20:>7.1f} MiB"
        )


if __name__ == "__main__":
    main()
