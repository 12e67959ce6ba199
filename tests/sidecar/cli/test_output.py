"""What a table shows of a value."""

from typing import Any

import pytest

from sidecar.cli.output import _cell

CELLS: dict[str, tuple[str, Any, str]] = {
    "nothing": ("username", None, "-"),
    "a text": ("username", "alice", "alice"),
    "a time": ("created_at", 0, "1970-01-01T00:00:00Z"),
    "when something began": ("started_at", 0, "1970-01-01T00:00:00Z"),
    "a number": ("ttl", 5, "5"),
    "a truth value": ("enabled", True, "true"),
    "a reference": ("consumer", {"id": "7"}, "7"),
    "texts": ("tags", ["a", "b"], "a, b"),
    "no texts": ("tags", [], "-"),
    "a mapping": ("config", {"a": [1]}, '{"a": [1]}'),
}


@pytest.mark.parametrize("case", CELLS)
def test_a_value_is_written_for_people(case: str) -> None:
    name, value, shown = CELLS[case]
    assert _cell(name, value) == shown


@pytest.mark.parametrize("value", ["a\x1b[2J", ["a\nb"], {"id": "a\u202eb"}, {"a": "\x1b"}])
def test_no_value_ends_a_line_or_moves_a_cursor(value: Any) -> None:
    assert _cell("tags", value).isprintable()
