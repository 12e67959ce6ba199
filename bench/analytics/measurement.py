"""Runs all contenders side by side, in rounds, so that a busy machine disturbs all alike."""

import statistics
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.analytics.feed import Run
from bench.analytics.plugin import APPLICATION_IDS
from bench.processes import Command, Server, resident_bytes, started_together

CONTENDERS = {
    "plain": "json_format + json + gzip",
    "tollkeeper": "tollkeeper",
    "compiled": "tollkeeper, compiled",
}
BUFFERS = {"16 KiB": 16 * 1024, "1 MiB": 1024 * 1024}  # Envoy's default, and ours

_WARM_UP = 5_000  # entries, before memory is weighed
_STREAMS = 4  # as an Envoy with four workers
_ALL = 10**9  # entries: as many as there is time for
_DELIVERY_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each contender is fed, and with how much for the memory that it takes."""

    rounds: int
    seconds: float
    waiting: int = 100_000  # events


class Summary(msgspec.Struct, frozen=True):
    """The medians over the rounds of one contender and one size of messages."""

    entries_per_second: float
    cpu_us_per_entry: float
    resident_mb: float
    load_cpu_share: float


@contextmanager
def running(collector: Server, *, compiled: Path | None) -> Iterator[dict[str, Server]]:
    """Run the contenders; yield them by name.

    Args:
        collector: Where they deliver to.
        compiled: Where the compiled build is; None: there is none, and it is left out.
    """
    port = str(collector.port)
    commands = {
        "plain": Command("bench.analytics.plain", (port,)),
        "tollkeeper": Command("bench.analytics.tollkeeper", (port, "tollkeeper")),
    }
    if compiled is not None:
        commands["compiled"] = Command("bench.analytics.tollkeeper", (port, "compiled"), compiled)
    with started_together(commands) as servers:
        yield servers


def feed(server: Server, name: str, *, collector: Server, **limits: float) -> Run:
    """Feed a contender from a process of its own, until all was delivered.

    Args:
        server: The contender.
        name: Its short name.
        collector: Where it delivers to.
        limits: ``seconds``, ``entries``, ``buffer_size``, ``streams``, ``run``, ``wait``.
    """
    wanted = {
        "seconds": 600.0,
        "entries": _ALL,
        "streams": _STREAMS,
        "wait": _DELIVERY_SECONDS,
        "buffer_size": BUFFERS["16 KiB"],
        "port": server.port,
        "pid": server.pid,
        "collector_port": collector.port,
        "collector_pid": collector.pid,
        "application_id": APPLICATION_IDS[name],
    } | limits
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.analytics.feed"),
            *(f"--{option.replace('_', '-')}={value}" for option, value in wanted.items()),
        ],
        check=True,
        stdout=subprocess.PIPE,
        timeout=600,
    )
    return msgspec.json.decode(done.stdout, type=Run)


def measure(
    servers: Mapping[str, Server], plan: Plan, *, collector: Server
) -> dict[tuple[str, str], list[Run]]:
    """Feed each contender once per round and buffer, in an order that is reversed every round.

    Raises:
        RuntimeError: Events were lost: the figures would mean nothing.
    """
    runs: dict[tuple[str, str], list[Run]] = {
        (name, buffer): [] for buffer in BUFFERS for name in servers
    }
    for number in range(plan.rounds):
        for name, buffer in runs if number % 2 == 0 else reversed(runs):
            run = feed(
                servers[name],
                name,
                collector=collector,
                seconds=plan.seconds,
                buffer_size=BUFFERS[buffer],
                run=number * len(BUFFERS) + list(BUFFERS).index(buffer) + 1,
            )
            if run.delivered != run.entries:
                raise RuntimeError(f"{name}: {run.entries} entries, {run.delivered} events")
            runs[name, buffer].append(run)
    return runs


def summarize(runs: Sequence[Run]) -> Summary:
    """Return the medians of one contender's rounds."""
    median = statistics.median
    return Summary(
        entries_per_second=median(run.entries / run.seconds for run in runs),
        cpu_us_per_entry=median(run.cpu_seconds / run.entries for run in runs) * 1e6,
        resident_mb=median(run.resident_bytes for run in runs) / 2**20,
        load_cpu_share=median(run.load_cpu_share for run in runs),
    )


def weigh_waiting(plan: Plan, *, collector: Server, compiled: Path | None) -> dict[str, float]:
    """Return the MB by which each contender grows for 100,000 events that wait for the collector.

    In fresh processes that are warm: what is remembered of entries is not what waits.
    """
    tell(collector, "closed")
    grown = {}
    with running(collector, compiled=compiled) as servers:
        for name, server in servers.items():
            feed(server, name, collector=collector, entries=_WARM_UP, wait=0.0)
            before = resident_bytes(server.pid)
            run = feed(server, name, collector=collector, entries=plan.waiting, run=1, wait=0.0)
            grown[name] = (run.resident_bytes - before) / run.entries * 100_000 / 2**20
    tell(collector, "open")
    return grown


def tell(collector: Server, state: str) -> None:
    """Let the stand-in take events (``open``) or not (``closed``)."""
    url = f"http://127.0.0.1:{collector.port}/{state}"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT"), timeout=10).close()
