"""How far an import or export is: a bar on a terminal, a line each few seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

_EVERY = 5.0  # seconds between two lines


class TransferProgress(Protocol):
    """Told how far the work is."""

    def advance(self, label: str, done: int) -> None:
        """So many more of a kind are done."""


@contextmanager
def showing_progress(total: int) -> Iterator[TransferProgress]:
    """Show on standard error, inside the context, how much of a total is done."""
    if not sys.stderr.isatty():
        yield _Lines(total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bar(bars, total)


class _Bar:
    def __init__(self, bars: Progress, total: int) -> None:
        self._bars = bars
        self._task = bars.add_task("", total=total)

    def advance(self, label: str, done: int) -> None:
        self._bars.update(self._task, description=label, advance=done)


class _Lines:
    def __init__(self, total: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._done = 0
        self._clock = clock
        self._told_at = clock()

    def advance(self, label: str, done: int) -> None:
        self._done += done
        if self._clock() - self._told_at >= _EVERY:
            self._told_at = self._clock()
            click.echo(f"{label}: {self._done} of {self._total}", err=True)
