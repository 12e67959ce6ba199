"""The directory of metrics goes with its supervisor, or with the next one."""

import stat
import subprocess
import sys
from pathlib import Path

from sidecar.metrics_directory import open_directory

ROOT = Path(__file__).resolve().parents[2]
DIE_WITHIN = """
import os, sys
from pathlib import Path
from sidecar.metrics_directory import open_directory
with open_directory(Path(sys.argv[1])) as directory:
    print(directory, flush=True)
    os._exit(1)
"""


def test_it_is_ours_alone_and_goes_at_the_end(tmp_path: Path) -> None:
    with open_directory(tmp_path) as directory:
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        (directory / "counter_x.db").touch()
    assert not list(tmp_path.iterdir())


def test_what_a_killed_supervisor_left_is_removed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", DIE_WITHIN, str(tmp_path)]
    died = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    left = Path(died.stdout.strip())
    assert left.is_dir()
    with open_directory(tmp_path) as directory:
        assert not left.exists()
        assert directory.is_dir()


def test_what_a_living_supervisor_uses_stays(tmp_path: Path) -> None:
    with open_directory(tmp_path) as first:
        with open_directory(tmp_path) as second:
            assert first != second
        assert first.is_dir()


def test_what_is_not_one_of_ours_stays(tmp_path: Path) -> None:
    other = tmp_path / "tollkeeper-metrics-of-mine"
    other.mkdir()
    with open_directory(tmp_path):
        assert other.is_dir()
