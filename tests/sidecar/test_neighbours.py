"""Claims about what the processes on one port tell each other."""

import os
import time
from pathlib import Path

from sidecar.neighbours import FileNeighbours


def test_each_hears_what_the_others_said_last(tmp_path: Path) -> None:
    first, second, third = (FileNeighbours(tmp_path, f"authsvc-{n}") for n in range(3))
    assert first.exchange(12) == []
    assert second.exchange(3) == [12]
    assert sorted(third.exchange(0)) == [3, 12]
    assert first.exchange(4) != [12]
    assert sorted(second.exchange(3)) == [0, 4]


def test_who_says_nothing_any_more_is_not_there(tmp_path: Path) -> None:
    first, second = FileNeighbours(tmp_path, "authsvc-0"), FileNeighbours(tmp_path, "authsvc-1")
    first.exchange(12)
    long_ago = time.time() - 60
    os.utime(tmp_path / "busy-authsvc-0", (long_ago, long_ago))
    assert second.exchange(0) == []
    first.exchange(12)
    assert second.exchange(0) == [12]


def test_who_left_is_not_there(tmp_path: Path) -> None:
    first, second = FileNeighbours(tmp_path, "authsvc-0"), FileNeighbours(tmp_path, "authsvc-1")
    with first.present():
        first.exchange(12)
        assert second.exchange(0) == [12]
    assert second.exchange(0) == []
    with first.present():
        pass  # it had nothing to say


def test_what_is_not_a_number_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "busy-authsvc-9").write_bytes(b"")
    (tmp_path / "busy-authsvc-8").write_bytes(b"many")
    assert FileNeighbours(tmp_path, "authsvc-0").exchange(1) == []


def test_without_the_directory_nobody_is_there(tmp_path: Path) -> None:
    assert FileNeighbours(tmp_path / "gone", "authsvc-0").exchange(1) == []
