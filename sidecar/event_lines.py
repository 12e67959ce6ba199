"""Events as lines for people: a table on a terminal, words otherwise."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sidecar.demo.sighting import Sighting, sighting_of

_COLUMNS = {"TIME": 12, "STATUS": 6, "VERB": 7, "LATENCY": 11, "CONSUMER": 20, "ROUTE": 20}
_STYLES = {"2": "green", "3": "cyan", "4": "yellow", "5": "red"}


def line_of(event: Mapping[str, Any]) -> str:
    """Return an event as one line of words: time, status, verb, path, latency, consumer, route.

    What is not known is ``-``; a blank within a word is written as in Python's strings.
    """
    seen = sighting_of(event)
    time = _printable(event["request"]["time"])
    latency = seen.latency.removesuffix(" ms")
    words = (time, seen.status, seen.verb, seen.path, latency, seen.consumer, _route(event))
    return " ".join(word.replace(" ", r"\x20") for word in words)


class EventTable:
    """A table on a terminal that grows by a row for each event."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._console.print(self._row(*(Text(name, style="bold") for name in (*_COLUMNS, "PATH"))))

    def add(self, event: Mapping[str, Any]) -> None:
        """Print the row of an event."""
        seen = sighting_of(event)
        self._console.print(
            self._row(
                Text(seen.time, style="dim"),
                _status(seen),
                Text(seen.verb),
                Text(seen.latency, style="dim"),
                Text(seen.consumer, style="bold"),
                Text(_route(event)),
                Text(seen.path),
            )
        )

    def _row(self, *cells: Text) -> Table:
        row = Table.grid(padding=(0, 1), expand=True)
        for width in _COLUMNS.values():
            row.add_column(width=width, no_wrap=True, overflow="ellipsis")
        row.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        row.add_row(*cells)
        return row


def _status(seen: Sighting) -> Text:
    return Text(seen.status, style=_STYLES.get(seen.status[:1], ""))


def _route(event: Mapping[str, Any]) -> str:
    return _printable((event.get("metadata") or {}).get("route") or "-")


def _printable(text: str) -> str:
    """Return a text that cannot move the cursor of a terminal."""
    return text if text.isprintable() else ascii(text)[1:-1]
