import io
from typing import Any

import pytest
from rich.console import Console

from sidecar.event_lines import EventTable

EVENT: dict[str, Any] = {
    "request": {"time": "2026-11-21T10:00:00.123Z", "verb": "GET", "uri": "https://a/items?x=1"},
    "response": {"status": 200},
    "metadata": {"route": "items", "duration_ms": 12.34, "consumer": {"username": "ada"}},
}


def rows(*events: dict[str, Any], width: int = 120) -> list[str]:
    screen = io.StringIO()
    table = EventTable(Console(file=screen, width=width, force_terminal=True, color_system=None))
    for event in events:
        table.add(event)
    return screen.getvalue().splitlines()


def test_a_row_stands_below_its_headings() -> None:
    heading, row = rows(EVENT)
    for name, value in (("STATUS", "200"), ("CONSUMER", "ada"), ("ROUTE", "items"), ("PATH", "/")):
        assert heading.index(name) == row.index(f" {value}") + 1


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_row_is_one_line_however_narrow_the_terminal_is(width: int) -> None:
    long = EVENT | {"request": EVENT["request"] | {"uri": "https://a/" + "x" * 500}}
    assert len(rows(long, EVENT, width=width)) == 3


def test_nothing_that_a_client_sent_moves_the_cursor() -> None:
    sly = EVENT | {"metadata": {"route": "\x1b[2J", "consumer": {"username": "a\x9bb"}}}
    assert all(line.isprintable() for line in rows(sly))
