"""Counts checks of one outcome in plain numbers, until somebody takes them."""

from bisect import bisect_left
from collections.abc import Callable


class CheckTally:
    """Checks of one outcome since they were last taken; for one event loop.

    Numbers in a list cost a tenth of a metric that other processes read, which is as much as half
    of answering a check from memory.
    """

    __slots__ = ("_bounds", "_buckets", "_first", "_is_empty", "_seconds", "_wake")

    def __init__(self, bounds: tuple[float, ...], *, wake: Callable[[], None]) -> None:
        """Begin with nothing.

        Args:
            bounds: The upper ends of the buckets of durations, in seconds, ascending; above the
                last one is one more bucket.
            wake: Called with the first check after ``take``.
        """
        self._bounds = bounds
        self._first = bounds[0] if bounds else 0.0
        self._wake = wake
        self._buckets = [0] * (len(bounds) + 1)
        self._seconds = 0.0
        self._is_empty = True

    def add(self, seconds: float) -> None:
        """Count a check that took so long."""
        # Nearly all checks are in the first bucket: nothing is searched for them.
        place = 0 if seconds <= self._first else bisect_left(self._bounds, seconds)
        self._buckets[place] += 1
        self._seconds += seconds
        if self._is_empty:
            self._is_empty = False
            self._wake()

    def take(self) -> tuple[list[int], float]:
        """Return how many checks are in each bucket and their seconds together; begin anew."""
        taken = self._buckets, self._seconds
        self._buckets = [0] * len(taken[0])
        self._seconds = 0.0
        self._is_empty = True
        return taken
