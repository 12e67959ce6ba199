"""How every contender starts and ends."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from bench.processes import SERVER_CORE, pin_to


def run(serve: Callable[[], Coroutine[Any, Any, None]], *, runner: Callable[..., None]) -> None:
    """Run a contender on the servers' core with an event loop of its choice."""
    pin_to(SERVER_CORE)
    runner(serve())


async def announce_and_wait(port: int) -> None:
    """Say that the server listens, and return when standard input ends."""
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    await reader.read()
