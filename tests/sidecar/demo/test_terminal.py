import io
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.demo.terminal import Patient, logs_to

PROGRAM = """
import os, subprocess, sys
from pathlib import Path
from sidecar.demo.terminal import logs_to

with logs_to(Path(sys.argv[1])) as terminal:
    print("log line")
    subprocess.run(["sh", "-c", "echo of a child; echo to stderr >&2"], check=True)
    print("for people", file=terminal, flush=True)
print("after")
"""
LONG = """
import sys
from pathlib import Path
from sidecar.demo.terminal import Patient, logs_to

with logs_to(Path(sys.argv[1])) as terminal:
    for _ in range(1000):
        Patient(terminal, gone=lambda: None).write("x" * 1000)
"""


def test_only_what_is_for_people_reaches_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of an earlier run")
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM, log],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )

    assert (shown.stdout, shown.stderr) == ("for people\nafter\n", "")
    assert sorted(log.read_text().split("\n")) == ["", "log line", "of a child", "to stderr"]
    assert log.stat().st_mode & 0o077 == 0


def test_a_terminal_that_went_away_does_not_spoil_the_end(tmp_path: Path) -> None:
    cut = f"{shlex.quote(sys.executable)} -c {shlex.quote(LONG)} {tmp_path}/log | head -c 1"
    shown = subprocess.run(
        ["sh", "-c", cut], capture_output=True, check=True, cwd=Path(__file__).parents[3]
    )

    assert (shown.stdout, shown.stderr) == (b"x", b"")


def test_errors_are_shown_again_afterwards(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError), logs_to(tmp_path / "log"):
        raise RuntimeError

    os.write(2, b"what went wrong")
    assert capfd.readouterr().err == "what went wrong"


def test_a_terminal_that_goes_away_is_told_once() -> None:
    reader, writer = os.pipe()
    told = []
    stream = os.fdopen(writer, "w")
    terminal = Patient(stream, gone=lambda: told.append(True))
    terminal.write("seen")
    assert os.read(reader, 10) == b"seen"
    os.close(reader)
    for _ in range(3):
        assert terminal.write("lost") == 4
    with pytest.raises(BrokenPipeError):  # what is left in its buffer has nowhere to go
        stream.close()

    assert told == [True]


def test_a_closed_stream_is_a_terminal_that_went_away() -> None:
    told = []
    stream = io.StringIO()
    stream.close()

    Patient(stream, gone=lambda: told.append(True)).write("lost")

    assert told == [True]
