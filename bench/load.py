"""Our own load: asks one server for every caller in turn, and writes down what it saw.

h2load is cheaper, but asks one and the same thing. This asks for 1,000 keys, and holds the size of
each answer against the right one.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import uvloop

from bench.connection import Connection
from bench.request_log import write_log
from bench.traffic import METHOD, requests


class Tally:
    """Keeps answers for the log, and writes the first at once: it tells that the load is on."""

    def __init__(self, log: TextIO) -> None:
        self._log = log
        self._rows: list[tuple[float, bool, float]] = []
        self._has_begun = False

    def add(self, seconds: float, right: bool) -> None:
        """Take one answer that has just come."""
        self._rows.append((time.time() - seconds, right, seconds))
        if not self._has_begun:
            self._has_begun = True
            self.write()

    def write(self) -> None:
        """Write down what is kept."""
        self._log.write(write_log(self._rows))
        self._log.flush()
        self._rows.clear()


@dataclass(frozen=True, slots=True)
class Options:
    """What to do: keep so many calls in flight on each connection, for so long."""

    port: int
    seconds: float
    connections: int
    streams: int
    answer_size: int  # bytes of the right answer's message
    log: Path


async def ask(options: Options) -> None:
    """Ask, and write down what came of it."""
    messages = requests()
    with options.log.open("w") as written:
        tally = Tally(written)
        opened = [await connect(options, messages, tally) for _ in range(options.connections)]
        lost = asyncio.gather(*(connection.stopped for connection in opened))
        await asyncio.wait((lost,), timeout=options.seconds)
        if not lost.done():
            for connection in opened:
                connection.close()
        await lost  # raises if a connection was lost
        tally.write()


async def connect(options: Options, messages: list[bytes], tally: Tally) -> Connection:
    """Open one connection that starts asking at once."""
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(
            messages=messages,
            method=METHOD,
            answer_size=options.answer_size,
            streams=options.streams,
            answered=tally.add,
        ),
        "127.0.0.1",
        options.port,
    )
    return connection


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--answer-size", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    uvloop.run(ask(Options(**vars(parser.parse_args()))))


if __name__ == "__main__":
    sys.exit(main())
