"""The figures as tables, and as a file for comparing later."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import Figures
from bench.gateway import FEW, MANY, SINGLE
from bench.goals import Verdict
from bench.machine import Machine
from bench.measurement import Stretch, Summary
from bench.roster import NO_FILTER, PLAIN
from bench.scenes import ENVOY, SERVER, Scene

RESULTS = Path(__file__).parent / "results"
_NOTHING = ""
_WIDTH = 160  # of what does not go to a terminal
_HEADINGS = (
    *("checks/s", "µs", "per CPU s ÷"),  # direct
    *("p50 ms", "added"),  # one client
    "req/s ÷",  # eight
    *("req/s", "req/s ÷", "p99 ms", "server µs", "Envoy µs", "server MB"),  # 64
)


@dataclass(frozen=True, slots=True)
class _Column:
    """A heading, and what stands under it for one contender; the second is the plain server."""

    heading: str
    cell: Callable[[Summary, Summary | None], str]


def _cpu(process: str) -> Callable[[Summary, Summary | None], str]:
    return lambda seen, _: _number(seen.cpu_us.get(process), "{:,.1f}")


def _memory(process: str) -> Callable[[Summary, Summary | None], str]:
    return lambda seen, _: _number(seen.resident_mb.get(process), "{:.0f}")


def _times_rate(seen: Summary, plain: Summary | None) -> str:
    return _number(plain and seen.rate / plain.rate, "{:.2f}")


def _times_per_core(seen: Summary, plain: Summary | None) -> str:
    # With the edge cache a server may have had nothing to do.
    if plain is None or not seen.cpu_us.get(SERVER):
        return _NOTHING
    return f"{plain.cpu_us[SERVER] / seen.cpu_us[SERVER]:.1f}"


_COLUMNS = (
    _Column("answers\n/s", lambda seen, _: f"{seen.rate:,.0f}"),
    _Column("÷\nplain", _times_rate),
    _Column("p50 ms", lambda seen, _: f"{seen.p50_ms:.2f}"),
    _Column("p99 ms", lambda seen, _: f"{seen.p99_ms:.2f}"),
    _Column("p99.9 ms", lambda seen, _: f"{seen.p999_ms:.2f}"),
    _Column("server\nµs", _cpu(SERVER)),
    _Column("per CPU s\n÷ plain", _times_per_core),
    _Column("Envoy\nµs", _cpu(ENVOY)),
    _Column("server\nMB", _memory(SERVER)),
    _Column("Envoy\nMB", _memory(ENVOY)),
    _Column("load\nCPU", lambda seen, _: f"{seen.load_cpu_share:.0%}"),
    _Column("others\nCPU", lambda seen, _: f"{seen.others_cpu_share:.0%}"),
)


def show_scene(scene: Scene, figures: Figures) -> None:
    """Print everything about one scene."""
    plain = figures.find(scene.name, PLAIN)
    rows = figures.summaries[scene.name]
    # No column of blanks where there is no Envoy.
    columns = [
        column for column in _COLUMNS if any(column.cell(seen, plain) for seen in rows.values())
    ]
    table = _table(scene.title, [column.heading for column in columns])
    for name, seen in rows.items():
        table.add_row(name, *(column.cell(seen, plain) for column in columns))
    _print(table)


def show_lines(figures: Figures) -> None:
    """Print one line for each contender, of what matters most in each scene."""
    table = _table(
        "Direct | Envoy, 1 worker, 1 client | 1 worker, 8 | 2 workers, 64 connections",
        _HEADINGS,
    )
    for name in figures.names():
        table.add_row(name, *_line(figures, name))
    _print(table)


def _line(figures: Figures, name: str) -> list[str]:
    direct, single = figures.find(figures.direct, name), figures.find(SINGLE.scene, name)
    many = figures.find(MANY.scene, name)
    added = figures.added_p50_ms(SINGLE.scene, name, NO_FILTER)
    server = direct or many
    return [
        _number(direct and direct.rate, "{:,.0f}"),
        _number(direct and direct.cpu_us[SERVER], "{:.1f}"),
        _number(figures.cpu_ratio(figures.direct, PLAIN, name, SERVER), "{:.1f}"),
        _number(single and single.p50_ms, "{:.2f}"),
        _number(added, "{:+.2f}"),
        _number(figures.rate_ratio(FEW.scene, name, PLAIN), "{:.2f}"),
        _number(many and many.rate, "{:,.0f}"),
        _number(figures.rate_ratio(MANY.scene, name, PLAIN), "{:.2f}"),
        _number(many and many.p99_ms, "{:.1f}"),
        _number(many and many.cpu_us.get(SERVER), "{:.1f}"),
        _number(many and many.cpu_us.get(ENVOY), "{:.0f}"),
        _number(server and server.resident_mb.get(SERVER), "{:.0f}"),
    ]


def show_verdicts(verdicts: Sequence[Verdict]) -> None:
    """Print what was to be reached, and what was."""
    table = _table("Goals", ["goal", "measured", "verdict"])
    for verdict in verdicts:
        table.add_row(verdict.goal, verdict.limit, verdict.measured, verdict.verdict)
    _print(table)


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _number(value: float | None, form: str) -> str:
    return _NOTHING if value is None else form.format(value)


def _print(table: Table) -> None:
    Console(width=None if os.isatty(1) else _WIDTH).print(table)


def save(
    seen: Mapping[str, Mapping[str, Sequence[Stretch]]],
    figures: Figures,
    *,
    machine: Machine,
    plan: object,
    verdicts: Sequence[Verdict],
    folder: Path = RESULTS,
) -> Path:
    """Write everything that was seen to a new file; return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / f"checks-{time.strftime('%Y%m%d-%H%M%S')}.json"
    document = {
        "machine": machine,
        "plan": plan,
        "goals": verdicts,
        "summaries": figures.summaries,
        "rounds": seen,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)))
    return path
