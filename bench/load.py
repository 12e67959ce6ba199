"""The load: a process of its own that asks one server for a while and says what it saw.

Prints one line of JSON: see ``Run``.
"""

import argparse
import asyncio
import statistics
import sys
import time
from dataclasses import dataclass

import grpc.aio
import msgspec
import uvloop

from bench.connection import Connection
from bench.processes import LOAD_CORE, cpu_seconds, pin_to, resident_bytes
from bench.traffic import METHOD, requests


class Run(msgspec.Struct, frozen=True):
    """What was seen in one measured stretch."""

    answers: int
    wrong: int
    seconds: float
    cpu_seconds: float  # of the server, user and system
    resident_bytes: int  # of the server, at the end
    load_cpu_share: float  # of one core, by this process: near 1 means it was the limit
    p50: float  # seconds
    p99: float


@dataclass(slots=True)
class Tally:
    """Counts answers while it is open."""

    latencies: list[float]
    wrong: int = 0
    counting: bool = False

    def add(self, seconds: float, right: bool) -> None:
        if self.counting:
            self.latencies.append(seconds)
            self.wrong += not right


async def measure(*, port: int, pid: int, seconds: float, connections: int, streams: int) -> Run:
    """Load the server at a port, whose process is ``pid``."""
    tally = Tally([])
    opened = [await connect(port, tally, streams) for _ in range(connections)]
    lost = asyncio.gather(*(connection.stopped for connection in opened))
    await asyncio.wait((lost,), timeout=seconds / 4)  # warm-up
    cpu, own_cpu, started = cpu_seconds(pid), time.process_time(), time.perf_counter()
    tally.counting = True
    await asyncio.wait((lost,), timeout=seconds)
    tally.counting = False
    elapsed = time.perf_counter() - started
    cpu, own_cpu = cpu_seconds(pid) - cpu, time.process_time() - own_cpu
    if not lost.done():
        for connection in opened:
            connection.close()
    await lost  # raises if a connection was lost
    centiles = statistics.quantiles(tally.latencies, n=100)
    return Run(
        answers=len(tally.latencies),
        wrong=tally.wrong,
        seconds=elapsed,
        cpu_seconds=cpu,
        resident_bytes=resident_bytes(pid),
        load_cpu_share=own_cpu / elapsed,
        p50=centiles[49],
        p99=centiles[98],
    )


async def connect(port: int, tally: Tally, streams: int) -> Connection:
    """Open one connection that starts asking at once."""
    messages = requests()
    size = await answer_size(port, messages[0])
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(
            messages=messages,
            method=METHOD,
            answer_size=size,
            streams=streams,
            answered=tally.add,
        ),
        "127.0.0.1",
        port,
    )
    return connection


async def answer_size(port: int, message: bytes) -> int:
    """Ask once through grpcio, to know what a right answer looks like."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        return len(await channel.unary_unary(METHOD)(message, timeout=10))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    options = parser.parse_args()
    pin_to(LOAD_CORE)
    run = uvloop.run(measure(**vars(options)))
    sys.stdout.write(msgspec.json.encode(run).decode() + "\n")


if __name__ == "__main__":
    main()
