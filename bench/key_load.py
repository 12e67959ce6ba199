"""Asks a worker for many different keys: those that exist, or made-up ones.

Goes on for ``--seconds``, or until its standard input ends; ``--once`` asks for each hot key once.
Every answer has to be of the size of a right one.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import grpc.aio
import uvloop

from authsvc.extauthz.pb.extauthz_pb2 import CheckResponse
from bench.connection import Connection
from bench.key_population import key_text
from bench.request_log import write_log
from bench.traffic import METHOD, check_request

_COLD_IN = 100  # one of so many is for a key that is not among the hot ones
_DIFFERENT = 100_000  # made-up keys: more than a worker remembers of them


def requests_for(keys: list[str]) -> list[bytes]:
    """Return a request for each key; all keys have to be as long as the first."""
    placeholder = "?" * len(keys[0])
    template = check_request(placeholder)
    return [template.replace(placeholder.encode(), key.encode()) for key in keys]


def known_keys(hot: int, total: int) -> list[str]:
    """Return the hot keys in no order, and among them some that are not hot."""
    chance = random.Random(1)  # noqa: S311 - to be repeated, not to be a secret
    numbers = chance.sample(range(hot), hot)
    if total > hot:
        for place in range(0, hot, _COLD_IN):
            numbers[place] = chance.randrange(hot, total)
    return [key_text(number) for number in numbers]


def unknown_keys(count: int = _DIFFERENT) -> list[str]:
    """Return keys that do not exist."""
    chance = random.Random(2)  # noqa: S311 - to be repeated, not to be a secret
    return [f"never{number:027d}" for number in chance.sample(range(10**12), count)]


async def ask(options: argparse.Namespace) -> None:
    """Keep so many calls in flight until the time is over, or all is asked."""
    keys = unknown_keys() if options.unknown else known_keys(options.hot, options.total)
    if options.once:
        keys = [key_text(number) for number in range(options.hot)]
    messages = requests_for(keys)
    size = await _answer_size(options.socket, messages[0], allowed=not options.unknown)
    rows: list[tuple[float, bool, float]] = []
    enough = asyncio.Event()

    def answered(seconds: float, right: bool) -> None:
        rows.append((time.time() - seconds, right, seconds))
        if options.once and len(rows) >= len(messages):
            enough.set()

    opened = [
        await _connect(options, messages[start :: options.connections], size, answered)
        for start in range(options.connections)
    ]
    print("asking", flush=True)
    asyncio.get_running_loop().add_reader(sys.stdin, enough.set)
    with suppress(TimeoutError):
        async with asyncio.timeout(options.seconds):
            await enough.wait()
    for connection in opened:
        connection.close()
    options.log.write_text(write_log(rows))


async def _connect(
    options: argparse.Namespace,
    messages: list[bytes],
    size: int,
    answered: Callable[[float, bool], None],
) -> Connection:
    def make() -> Connection:
        return Connection(
            messages=messages,
            method=METHOD,
            answer_size=size,
            streams=options.streams,
            answered=answered,
        )

    loop = asyncio.get_running_loop()
    _, connection = await loop.create_unix_connection(make, str(options.socket))
    return connection


async def _answer_size(socket: Path, message: bytes, *, allowed: bool) -> int:
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        answer: bytes = await channel.unary_unary(METHOD)(message, timeout=10)
    assert CheckResponse.FromString(answer).HasField("ok_response") == allowed
    return len(answer)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--unknown", action="store_true")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--hot", type=int, required=True)
    parser.add_argument("--total", type=int, required=True)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--log", type=Path, required=True)
    uvloop.run(ask(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
