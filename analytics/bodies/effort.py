"""Keeps bodies from taking the time that the access log needs.

Opening and masking a body takes microseconds as a rule, and a tenth of a second if a client makes
an effort.  The process has one thread, and the access log comes first.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SHARE = 0.5  # of the time
_LONGEST = 1.0  # seconds that may be spent at once, after a pause


class Effort:
    """An allowance of time that fills by itself, and is spent on bodies."""

    def __init__(self, *, share: float = SHARE, now: Callable[[], float] = time.monotonic) -> None:
        """Take how much of the time may be spent."""
        self._share = share
        self._now = now
        self._left = _LONGEST
        self._filled_at = now()

    @property
    def is_left(self) -> bool:
        """Whether there is time for another body."""
        now = self._now()
        self._left = min(_LONGEST, self._left + (now - self._filled_at) * self._share)
        self._filled_at = now
        return self._left > 0

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the time that is spent inside."""
        begun = self._now()
        try:
            yield
        finally:
            self._left -= self._now() - begun
