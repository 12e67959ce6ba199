"""What the processes that share authsvc's port tell each other: how busy each of them is.

Each writes one short file, and reads those of the others; they lie where all put their metrics, in
memory, for as long as the supervisor runs.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX = "busy-"
_DIGITS = 8
_FRESH_SECONDS = 3.0  # a process that says nothing for longer does not serve


class FileNeighbours:
    """``authsvc.extauthz.fastlane.spreading.Neighbours``; a context manager's worth of a file."""

    def __init__(self, directory: Path, name: str) -> None:
        self._directory = directory
        self._own = directory / f"{_PREFIX}{name}"

    @contextmanager
    def present(self) -> Iterator["FileNeighbours"]:
        """Take part until left."""
        try:
            yield self
        finally:
            with suppress(OSError):
                self._own.unlink()

    def exchange(self, busy: int) -> list[int]:
        """Write down what there is here; return what is there of the others."""
        with suppress(OSError):
            descriptor = os.open(self._own, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                # Of one length, at once: nobody reads half of it.
                os.pwrite(descriptor, b"%0*d" % (_DIGITS, busy), 0)
            finally:
                os.close(descriptor)
            return list(self._others())
        return []

    def _others(self) -> Iterator[int]:
        oldest = time.time() - _FRESH_SECONDS
        for file in self._directory.glob(f"{_PREFIX}*"):
            with suppress(OSError, ValueError):  # just being made, or removed
                if file != self._own and file.stat().st_mtime >= oldest:
                    yield int(file.read_bytes())
