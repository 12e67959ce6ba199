"""Keeps what is for people apart from what is for the log.

The demo's processes inherit its standard output. Inside ``logs_to`` that leads to a file, and
only the demo itself still has the terminal.
"""

import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

_STREAMS = (1, 2)  # standard output, standard error


@contextmanager
def logs_to(path: Path) -> Iterator[TextIO]:
    """Send standard output and error of this process and its children to a file; start it anew.

    Yields what was standard output.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(stream) for stream in _STREAMS]
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
    os.fchmod(log, 0o600)  # also where it was there already
    terminal = os.fdopen(os.dup(saved[0]), "w", encoding="utf-8", errors="replace")
    try:
        for stream in _STREAMS:
            os.dup2(log, stream)
        yield terminal
    finally:
        with suppress(OSError):  # what is left in its buffer may have nowhere to go
            terminal.close()
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, original in zip(_STREAMS, saved, strict=True):
            os.dup2(original, stream)
            os.close(original)
        os.close(log)


class Patient(io.TextIOBase):
    """A terminal that may go away: then it tells, once, and swallows what is written."""

    def __init__(self, terminal: TextIO, *, gone: Callable[[], None]) -> None:
        self._terminal = terminal
        self._gone = gone
        self._is_there = True

    def write(self, text: str) -> int:
        """Write, as long as there is somebody who reads."""
        if self._is_there:
            try:
                self._terminal.write(text)
                self._terminal.flush()
            except (OSError, ValueError):
                self._is_there = False
                self._gone()
        return len(text)

    def isatty(self) -> bool:
        """Whether it is a terminal indeed, and not a file or a pipe."""
        return self._terminal.isatty()

    def fileno(self) -> int:
        """The descriptor, by which its width is found."""
        return self._terminal.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only here
        """How texts become bytes."""
        return self._terminal.encoding
