"""The fuzz targets run, and find nothing at once; see them for more than that."""

import subprocess
import sys

import pytest

pytest.importorskip("atheris", reason="atheris has no wheel for every platform")


@pytest.mark.parametrize("target", ["access_log", "http2", "request_wire"])
def test_two_seconds_find_nothing(target: str) -> None:
    command = [sys.executable, "-m", f"tests.fuzz.{target}", "--seconds", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done" in done.stderr
