"""Sends exact bytes over HTTP/1.1: duplicates and odd spellings go out as written."""

import asyncio
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

_WITHIN = 10.0  # seconds
_AT_ONCE = 65_536  # bytes


@dataclass(frozen=True, slots=True)
class Response:
    """What came back. Header names are in lower case; of repeated ones, the last counts.

    ``lines`` has every header line apart.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    lines: tuple[tuple[str, str], ...] = ()

    def json(self) -> Any:
        return json.loads(self.body)


async def get(port: int, target: str = "/", *headers: str, method: str = "GET") -> Response:
    """Ask for a target, with header lines written out: ``"apikey: K"``."""
    return await send(port, target, *headers, method=method)


async def send(
    port: int, target: str, *headers: str, method: str = "GET", body: bytes = b""
) -> Response:
    lines = [f"{method} {target} HTTP/1.1", "host: gateway.test", "connection: close", *headers]
    if body:
        lines.append(f"content-length: {len(body)}")
    request = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    return await exchange(port, request)


async def exchange(port: int, request: bytes) -> Response:
    """Send these bytes, and read until the other side closes: it need not read all of them."""
    async with asyncio.timeout(_WITHIN):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        try:
            return _parse(await _read(reader))
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> bytes:
    parts = []
    with suppress(ConnectionError):
        while part := await reader.read(_AT_ONCE):
            parts.append(part)
    if not parts:
        raise ConnectionResetError("nothing was answered")
    return b"".join(parts)


def _parse(answer: bytes) -> Response:
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100 "):
        head, _, body = body.partition(b"\r\n\r\n")  # the answer comes after it
    status_line, *lines = head.decode("latin-1").split("\r\n")
    split = (line.partition(":") for line in lines)
    pairs = tuple((name.lower(), value.strip()) for name, _, value in split)
    headers = dict(pairs)
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return Response(int(status_line.split()[1]), headers, body, pairs)


def _unchunked(body: bytes) -> bytes:
    parts = []
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        parts.append(body[:length])
        body = body[length + 2 :]
    return b"".join(parts)
