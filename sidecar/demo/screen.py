"""What the demo shows: first what to try, then each event as it is delivered."""

import io
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple
from typing import TextIO, cast

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sidecar.demo.sighting import Sighting

_KEPT = 15  # events that stay on the screen
_FRAME = 6  # lines of the table that are not events, and one for the cursor
_COLUMNS = ("time", "verb", "path", "status", "consumer", "user", "latency", "bodies")
_STYLES = {"2": "green", "4": "yellow", "5": "red"}  # by the status's first digit


class Screen:
    """A table that grows on a terminal, plain lines elsewhere."""

    def __init__(self, stream: io.TextIOBase) -> None:
        # Nothing is cut or broken: what is shown is there to be copied.
        self._console = Console(
            file=cast("TextIO", stream), highlight=False, markup=False, soft_wrap=True
        )
        self._rows: deque[Sighting] = deque(maxlen=_KEPT)
        self._live: Live | None = None

    def say(self, text: str = "", *, style: str = "") -> None:
        """Show a line."""
        self._console.print(Text(text, style=style), soft_wrap=True)

    @contextmanager
    def table(self) -> Iterator[None]:
        """Show events as a table inside the context, if this is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        # No thread of its own: it is drawn when there is something new.
        with Live(
            self._table(),
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def show(self, sightings: Sequence[Sighting]) -> None:
        """Show events, the newest last."""
        self._rows.extend(sightings)
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            return
        for sighting in sightings:
            self.say("  ".join(astuple(sighting)))

    def _table(self) -> Table:
        table = Table(title="Events, as the collector took them", title_justify="left")
        for column in _COLUMNS:
            table.add_column(column, justify="right" if column == "latency" else "left")
        # What does not fit would be cut off below, where the newest are.
        fitting = max(1, self._console.height - _FRAME)
        for row in list(self._rows)[-fitting:]:
            style = _STYLES.get(row.status[:1], "")
            table.add_row(*(Text(value) for value in astuple(row)), style=style)
        return table
