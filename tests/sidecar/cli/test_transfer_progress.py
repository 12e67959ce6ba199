"""How far it is: lines that are few, or a bar on a terminal."""

import io
import sys

import pytest

from sidecar.cli.transfer_progress import _Lines, showing_progress


def test_elsewhere_than_on_a_terminal_a_line_is_told_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter([0.0, 1.0, 6.0, 6.0, 7.0, 12.0, 12.0])
    lines = _Lines(100, clock=lambda: next(times))
    for label in ("consumers", "consumers", "acls", "acls"):
        lines.advance(label, 20)
    assert capsys.readouterr() == ("", "consumers: 40 of 100\nacls: 80 of 100\n")


def test_what_is_over_at_once_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with showing_progress(2) as progress:
        progress.advance("consumers", 2)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with showing_progress(40) as progress:
        progress.advance("consumers", 20)
    assert "consumers" in terminal.getvalue()
    assert "20/40" in terminal.getvalue()
