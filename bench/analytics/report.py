"""The figures as a table, and as a file for comparing later."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version

import msgspec
from rich.console import Console
from rich.table import Table

from bench.analytics.feed import Run
from bench.analytics.measurement import Plan, Summary
from bench.report import RESULTS

Key = tuple[str, str]  # contender, buffer
# Where the goal was set, the straightforward version took so long, and an entry may take the other.
_PLAIN_THERE, _GOAL_THERE = 182.0, 40.0  # microseconds of CPU
_PACKAGES = ("grpcio", "protobuf", "orjson", "isal", "uvloop")


def show(
    summaries: Mapping[Key, Summary],
    grown: Mapping[str, float],
    *,
    names: Mapping[str, str],
    reference: str,
) -> None:
    """Print the table; the columns marked ÷ compare with one contender."""
    table = Table(title="Access log entries of 1.3 KB, one process on one core")
    table.add_column("contender")
    headings = ("messages", "entries/s", "÷", "CPU µs/entry", "÷", "RSS MB", "load CPU")
    for heading in (*headings, "MB, 100,000 waiting"):
        table.add_column(heading, justify="right")
    for (name, buffer), summary in summaries.items():
        base = summaries[reference, buffer]
        table.add_row(
            names[name],
            buffer,
            f"{summary.entries_per_second:,.0f}",
            f"{summary.entries_per_second / base.entries_per_second:.2f}",
            f"{summary.cpu_us_per_entry:.1f}",
            f"{summary.cpu_us_per_entry / base.cpu_us_per_entry:.2f}",
            f"{summary.resident_mb:.0f}",
            f"{summary.load_cpu_share:.0%}",
            f"{grown[name]:.0f}",
        )
    console = Console(width=None if os.isatty(1) else 120)
    console.print(table)
    for line in compare(summaries, names=names, reference=reference):
        console.print(line)


def compare(
    summaries: Mapping[Key, Summary], *, names: Mapping[str, str], reference: str
) -> list[str]:
    """Return what the figures would be on the machine for which the goal was set.

    It is told by the straightforward version, whose cost is known there.
    """
    lines = [
        f"The goal: {_GOAL_THERE:.0f} µs of CPU where {names[reference]} takes {_PLAIN_THERE:.0f}."
    ]
    for (name, buffer), summary in summaries.items():
        factor = summaries[reference, buffer].cpu_us_per_entry / _PLAIN_THERE
        if name != reference:
            there = summary.cpu_us_per_entry / factor
            lines.append(
                f"{names[name]}, {buffer}: {there:.1f} µs there (this machine takes {factor:.2f}"
                f" times as long), {1e6 / there:,.0f} entries/s on one core"
            )
    return lines


def save(
    runs: Mapping[Key, Sequence[Run]],
    summaries: Mapping[Key, Summary],
    grown: Mapping[str, float],
    plan: Plan,
) -> str:
    """Write everything that was seen to a new file; return its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"analytics-{time.strftime('%Y%m%d-%H%M%S')}.json"
    document = {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "machine": {"architecture": platform.machine(), "cores": os.cpu_count()},
        "plan": plan,
        "summaries": {", ".join(key): summary for key, summary in summaries.items()},
        "megabytes_for_waiting": grown,
        "runs": {", ".join(key): seen for key, seen in runs.items()},
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)))
    return str(path)
