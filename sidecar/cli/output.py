"""Prints what the Admin API answered: a table to read, or JSON to work with.

JSON is what the API said, all of it. A table shows what fits a line, and no value in it can move
a terminal's cursor.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from sidecar.cli.admin_options import output_format

Row = Mapping[str, Any]
_TIMES = frozenset({"created_at", "updated_at", "started_at", "finished_at"})


def print_rows(rows: Sequence[Row], columns: Sequence[str]) -> None:
    """Print a list of entities."""
    if output_format() == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    cells = [[column.upper() for column in columns]]
    cells += [[_cell(column, row.get(column)) for column in columns] for row in rows]
    _print_aligned(cells)


def print_entity(entity: Row, *, without: Iterable[str] = ()) -> None:
    """Print one entity, a field a line; a table leaves out the fields ``without``."""
    if output_format() == "json":
        click.echo(json.dumps(entity, indent=2))
        return
    hidden = frozenset(without)
    _print_aligned(
        [[name, _cell(name, value)] for name, value in entity.items() if name not in hidden]
    )


def print_done(text: str) -> None:
    """Print that something was done, where a person reads it."""
    if output_format() == "table":
        click.echo(text)


def _print_aligned(cells: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        padded = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(padded).rstrip())


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name in _TIMES and isinstance(value, int):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if name == "at" and isinstance(value, int):  # milliseconds
        return _cell("created_at", value // 1000)
    if isinstance(value, Mapping) and set(value) == {"id"}:  # a reference
        return _cell("id", value["id"])
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return _printable(", ".join(value)) or "-"
    return _printable(value if isinstance(value, str) else json.dumps(value))


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
