import os
import time
from pathlib import Path

from analytics.application_id import ApplicationId
from analytics.shelves import Shelves
from analytics.spool import SpoolLimits

LIMITS = SpoolLimits(size=1_000_000, age=3600.0)


def shelves(directory: Path | None, key: bytes = bytes(32)) -> Shelves:
    return Shelves(directory, key=key, limits=LIMITS)


def leave(directory: Path, name: str, *, age: float) -> Path:
    """Have a segment of a spool that nobody uses."""
    segment = directory / "spool" / name / "0000000000000001.segment"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(b"records")
    at = time.time() - age
    os.utime(segment, (at, at))
    return segment


def test_names_differ_stay_and_tell_nothing(tmp_path: Path) -> None:
    one, other = ApplicationId("APP1"), ApplicationId("APP2")
    names = [shelves(tmp_path).name(each) for each in (one, other, one)]
    assert names[0] == names[2] != names[1]
    assert "APP" not in names[0].upper()
    assert shelves(tmp_path, key=b"\1" * 32).name(one) != names[0]


def test_what_nobody_uses_goes_when_it_is_too_old(tmp_path: Path) -> None:
    old, young = leave(tmp_path, "a", age=7200), leave(tmp_path, "b", age=60)
    assert shelves(tmp_path).sweep(used=()) == 1
    assert (old.exists(), young.exists()) == (False, True)


def test_what_is_in_use_is_left_alone(tmp_path: Path) -> None:
    old = leave(tmp_path, "a", age=7200)
    assert shelves(tmp_path).sweep(used={"a"}) == 0
    assert old.exists()


def test_without_a_disk_there_is_nothing_to_sweep(tmp_path: Path) -> None:
    assert shelves(None).sweep(used=()) == 0
    assert shelves(tmp_path).sweep(used=()) == 0
