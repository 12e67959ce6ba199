import io

from sidecar.demo.screen import Screen
from sidecar.demo.sighting import Sighting

SIGHTING = Sighting("12:00:00.000", "GET", "/[bold]a", "401", "-", "u", "1.0 ms", "- -> 1")


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def test_elsewhere_than_on_a_terminal_an_event_is_a_plain_line() -> None:
    shown = io.StringIO()
    screen = Screen(shown)

    with screen.table():
        screen.show([SIGHTING])

    assert shown.getvalue() == "12:00:00.000  GET  /[bold]a  401  -  u  1.0 ms  - -> 1\n"


def test_a_long_line_is_not_broken() -> None:
    shown = io.StringIO()

    Screen(shown).say("x" * 500)

    assert shown.getvalue() == "x" * 500 + "\n"


def test_on_a_terminal_events_stand_in_a_table() -> None:
    shown = Terminal()
    screen = Screen(shown)

    with screen.table():
        screen.show([SIGHTING])

    assert "latency" in shown.getvalue()
    assert "/[bold]a" in shown.getvalue()


def test_the_table_keeps_the_newest_events() -> None:
    shown = Terminal()
    screen = Screen(shown)

    with screen.table():
        for number in range(100):
            screen.show([Sighting("", "", f"/{number}/", "200", "", "", "", "")])

    last = shown.getvalue().rpartition("latency")[2]
    assert "/99/" in last
    assert "/50/" not in last
