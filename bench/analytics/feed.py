"""The load: a process of its own that streams entries as Envoys do, and says what came of them.

Prints one line of JSON: see ``Run``.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass
from itertools import repeat

import aiohttp
import grpc.aio
import msgspec
import uvloop

from bench.analytics.entries import METHOD, Traffic, introduction, messages
from bench.processes import LOAD_CORE, cpu_seconds, pin_to, resident_bytes

_POLL = 0.01  # seconds


class Run(msgspec.Struct, frozen=True):
    """What was seen in one measured stretch."""

    entries: int
    delivered: int
    seconds: float  # from the first entry to the delivery of the last
    cpu_seconds: float  # of the server, user and system
    resident_bytes: int  # of the server, at the end
    load_cpu_share: float  # of one core, by this process and the collector: near 1 is the limit


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is to be sent, at most; each of several streams sends its part."""

    seconds: float
    entries: int
    buffer_size: int
    streams: int
    run: int  # whose ids no other run has


@dataclass(frozen=True, slots=True)
class Collector:
    """Asks the stand-in."""

    session: aiohttp.ClientSession
    url: str
    application_id: str

    async def seen(self) -> int:
        """Return how many events came."""
        async with self.session.get(f"{self.url}/seen/{self.application_id}") as answer:
            return int(await answer.text())


async def measure(
    wanted: Wanted, *, port: int, pid: int, collector_pid: int, collector: Collector, wait: float
) -> Run:
    """Feed the server at a port; wait up to ``wait`` seconds for what it then has to deliver."""
    made = messages(wanted.buffer_size)
    traffics = [Traffic(made, worker=number, run=wanted.run) for number in range(wanted.streams)]
    before = await collector.seen()
    cpu, started = cpu_seconds(pid), time.perf_counter()
    load = time.process_time() + cpu_seconds(collector_pid)
    sent = sum(await asyncio.gather(*map(stream, traffics, repeat(port), repeat(wanted))))
    delivered = await delivery(collector, before + sent, wait) - before
    elapsed = time.perf_counter() - started
    load = time.process_time() + cpu_seconds(collector_pid) - load
    return Run(
        entries=sent,
        delivered=delivered,
        seconds=elapsed,
        cpu_seconds=cpu_seconds(pid) - cpu,
        resident_bytes=resident_bytes(pid),
        load_cpu_share=load / elapsed,
    )


async def stream(traffic: Traffic, port: int, wanted: Wanted) -> int:
    """Be one worker of an Envoy; return how many entries were sent, all of which were taken."""
    # Each worker has a connection of its own.
    options = (("grpc.use_local_subchannel_pool", 1),)
    sent = 0
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        call: grpc.aio.StreamUnaryCall[bytes, bytes] = channel.stream_unary(METHOD)()
        await call.write(introduction())
        over = time.perf_counter() + wanted.seconds
        for message, entries in traffic:
            await call.write(message)
            sent += entries
            if sent * wanted.streams >= wanted.entries or time.perf_counter() >= over:
                break
        await call.done_writing()
        await call
    return sent


async def delivery(collector: Collector, expected: int, wait: float) -> int:
    """Return how many events came in all, once it is as many as expected."""
    over = time.perf_counter() + wait
    while (seen := await collector.seen()) < expected and time.perf_counter() < over:  # noqa: ASYNC110 - in another process
        await asyncio.sleep(_POLL)
    return seen


async def run(options: argparse.Namespace) -> Run:
    """Measure as the arguments say."""
    url = f"http://127.0.0.1:{options.collector_port}"
    wanted = Wanted(
        options.seconds, options.entries, options.buffer_size, options.streams, options.run
    )
    async with aiohttp.ClientSession() as session:
        return await measure(
            wanted,
            port=options.port,
            pid=options.pid,
            collector_pid=options.collector_pid,
            collector=Collector(session, url, options.application_id),
            wait=options.wait,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("port", "pid", "collector-port", "collector-pid", "entries", "streams"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--buffer-size", type=int, required=True)
    parser.add_argument("--run", type=int, default=0)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--wait", type=float, required=True)
    parser.add_argument("--application-id", required=True)
    options = parser.parse_args()
    pin_to(LOAD_CORE)
    sys.stdout.write(msgspec.json.encode(uvloop.run(run(options))).decode() + "\n")


if __name__ == "__main__":
    main()
