"""An upstream that keeps the exact bytes of what reached it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.clients.raw_http import Response

_SIGHTING = "x-sighting"  # in the answer: which request it answers
_LONGEST_HEAD = 1024 * 1024  # bytes; more than Envoy sends


@dataclass(frozen=True, slots=True)
class Sighting:
    """A request as it arrived; header lines apart, names in lower case."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The raw query; one that is empty is told from none at all by its mark."""
        _, mark, query = self.target.partition("?")
        return query or mark

    def values(self, name: str) -> list[str]:
        """Return the values of all lines of a header."""
        return [value for header, value in self.headers if header == name.lower()]


@dataclass
class Upstream:
    """Answers everything with 200 and the number of the request, and remembers it."""

    port: int = 0
    seen: list[Sighting] = field(default_factory=list)

    def behind(self, response: Response) -> Sighting | None:
        """Return what arrived of the request that got this answer; None: nothing did."""
        number = response.headers.get(_SIGHTING)
        return None if number is None else self.seen[int(number)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await _head(reader):
                sighting = await _read(head, reader)
                self.seen.append(sighting)
                writer.write(_answer(sighting, len(self.seen) - 1))
                await writer.drain()
        except ConnectionError:
            pass  # Envoy ends connections as it likes
        finally:
            writer.close()


@asynccontextmanager
async def running_upstream() -> AsyncIterator[Upstream]:
    """Serve on a free port of 127.0.0.1."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, limit=_LONGEST_HEAD)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


async def _read(head: bytes, reader: asyncio.StreamReader) -> Sighting:
    request_line, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _ = request_line.split(" ")
    split = (line.partition(":") for line in lines)
    headers = tuple((name.lower(), value.strip()) for name, _, value in split)
    named = dict(headers)
    if named.get("transfer-encoding") == "chunked":
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(int(named.get("content-length", 0)))
    return Sighting(method, target, headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    while await reader.readline() != b"\r\n":
        pass  # trailers
    return b"".join(parts)


def _answer(sighting: Sighting, number: int) -> bytes:
    body = str(number)
    head = f"HTTP/1.1 200 OK\r\n{_SIGHTING}: {number}\r\ncontent-length: {len(body)}\r\n\r\n"
    return (head if sighting.method == "HEAD" else head + body).encode()
