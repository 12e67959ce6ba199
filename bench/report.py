"""The figures as a table, and as a file for comparing later."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.load import Run
from bench.measurement import Plan, Summary

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("grpcio", "protobuf", "uvloop")


def show(summaries: Mapping[str, Summary], *, reference: str) -> None:
    """Print the table; the columns marked ÷ compare with one contender."""
    table = Table(title="Checks, one server process on one core")
    table.add_column("contender")
    for heading in ("checks/s", "÷", "CPU µs/check", "÷", "p50 ms", "p99 ms", "RSS MB", "load CPU"):
        table.add_column(heading, justify="right")
    base = summaries[reference]
    for name, summary in summaries.items():
        table.add_row(
            name,
            f"{summary.checks_per_second:,.0f}",
            f"{summary.checks_per_second / base.checks_per_second:.2f}",
            f"{summary.cpu_us_per_check:.0f}",
            f"{summary.cpu_us_per_check / base.cpu_us_per_check:.2f}",
            f"{summary.p50_ms:.1f}",
            f"{summary.p99_ms:.1f}",
            f"{summary.resident_mb:.0f}",
            f"{summary.load_cpu_share:.0%}",
        )
    Console(width=None if os.isatty(1) else 120).print(table)


def save(runs: Mapping[str, Sequence[Run]], summaries: Mapping[str, Summary], plan: Plan) -> Path:
    """Write everything that was seen to a new file; return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"checks-{time.strftime('%Y%m%d-%H%M%S')}.json"
    document = {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "machine": {"architecture": platform.machine(), "cores": os.cpu_count()},
        "plan": plan,
        "summaries": summaries,
        "runs": runs,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)))
    return path
