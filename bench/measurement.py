"""Runs all contenders side by side, in rounds, so that a busy machine disturbs all alike."""

import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from bench.load import Run
from bench.processes import Server


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how hard each contender is loaded."""

    rounds: int
    seconds: float
    connections: int = 4  # as an Envoy with four workers
    streams: int = 16  # in flight on each


class Summary(msgspec.Struct, frozen=True):
    """The medians over the rounds of one contender."""

    checks_per_second: float
    cpu_us_per_check: float
    p50_ms: float
    p99_ms: float
    resident_mb: float
    load_cpu_share: float


def measure(servers: Sequence[Server], plan: Plan) -> dict[str, list[Run]]:
    """Load each server once per round, in an order that is reversed every round.

    Raises:
        RuntimeError: A server gave wrong answers: its figures would mean nothing.
    """
    runs: dict[str, list[Run]] = {server.name: [] for server in servers}
    for number in range(plan.rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            run = load(server, plan)
            if run.wrong:
                raise RuntimeError(f"{server.name} answered {run.wrong} calls wrongly")
            runs[server.name].append(run)
    return runs


def load(server: Server, plan: Plan) -> Run:
    """Load one server from a process of its own."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "bench.load"),
            *("--port", str(server.port), "--pid", str(server.pid)),
            *("--seconds", str(plan.seconds), "--connections", str(plan.connections)),
            *("--streams", str(plan.streams)),
        ],
        check=True,
        stdout=subprocess.PIPE,
        timeout=60 + 3 * plan.seconds,
    )
    return msgspec.json.decode(done.stdout, type=Run)


def summarize(runs: Sequence[Run]) -> Summary:
    """Return the medians of one contender's rounds."""

    median = statistics.median
    return Summary(
        checks_per_second=median(run.answers / run.seconds for run in runs),
        cpu_us_per_check=median(run.cpu_seconds / run.answers for run in runs) * 1e6,
        p50_ms=median(run.p50 for run in runs) * 1e3,
        p99_ms=median(run.p99 for run in runs) * 1e3,
        resident_mb=median(run.resident_bytes for run in runs) / 2**20,
        load_cpu_share=median(run.load_cpu_share for run in runs),
    )
