"""The directory in which processes put their metrics together: one small file each, in memory.

It lives as long as the supervisor.  A supervisor that was killed leaves one behind; the next one
of the same user removes it, told apart by a lock that only the living hold.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "tollkeeper-metrics-"
_LOCK = "lock"
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a directory of our own is made there, 0700


@contextmanager
def open_directory(parent: Path | None = None) -> Iterator[Path]:
    """Make a directory for metrics; remove it at the end.

    Raises:
        OSError: There is no place for it.
    """
    place = parent or _place()
    _sweep(place)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _place() -> Path:
    usable = os.access(_IN_MEMORY, os.W_OK | os.X_OK)
    return _IN_MEMORY if usable else Path(tempfile.gettempdir())


def _sweep(place: Path) -> None:
    for left in place.glob(f"{_PREFIX}*"):
        if _is_abandoned(left):
            shutil.rmtree(left, ignore_errors=True)


def _is_abandoned(directory: Path) -> bool:
    try:
        if directory.lstat().st_uid != os.geteuid():
            return False
        lock = os.open(directory / _LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return False  # another's, or just being made
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(lock)
