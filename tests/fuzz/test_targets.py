"""The fuzz target runs, and finds nothing at once; see it for more than that."""

import subprocess
import sys

import pytest

pytest.importorskip("atheris", reason="atheris has no wheel for every platform")


def test_two_seconds_find_nothing() -> None:
    command = [sys.executable, "-m", "tests.fuzz.http2", "--seconds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done" in done.stderr
