"""What authsvc counts. Labels are from small fixed sets: never a key, a consumer or a path."""

from bisect import bisect_left
from collections.abc import Callable
from typing import Literal, Protocol

Lookup = Literal["hit", "known_unknown", "miss"]


class CheckTally:
    """Checks of one outcome since they were last taken, in plain numbers; for one event loop.

    Numbers in a list cost a tenth of a metric that other processes read, which is as much as half
    of answering a check from memory.
    """

    __slots__ = ("_bounds", "_buckets", "_is_empty", "_seconds", "_wake")

    def __init__(self, bounds: tuple[float, ...], *, wake: Callable[[], None]) -> None:
        """Begin with nothing.

        Args:
            bounds: The upper ends of the buckets of durations, in seconds, ascending; above the
                last one is one more bucket.
            wake: Called with the first check after ``take``.
        """
        self._bounds = bounds
        self._wake = wake
        self._buckets = [0] * (len(bounds) + 1)
        self._seconds = 0.0
        self._is_empty = True

    def add(self, seconds: float) -> None:
        """Count a check that took so long."""
        self._buckets[bisect_left(self._bounds, seconds)] += 1
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


class AuthMetrics(Protocol):
    """Implemented by the process shell; every method is cheap and never raises."""

    def tally(
        self, *, result: str, reason: str, transport: str, lookup: Lookup | None = None
    ) -> CheckTally:
        """Return what counts checks of one outcome, for who counts many of them.

        Each counts as a look-up as well if ``lookup`` says as which.
        """

    def checked(self, *, result: str, reason: str, transport: str, seconds: float) -> None:
        """A request was answered: ``allow``, ``deny`` or ``error``, and why."""

    def looked_up(self, kind: Lookup) -> None:
        """A key was found in memory, known in memory to be unknown, or asked of the store."""

    def cached(self, *, credentials: int, unknown: int) -> None:
        """So many entries are in memory now."""

    def indexed(self, keys: int) -> None:
        """So many keys are known to exist, all of them; 0: not all are known."""

    def followed(self, *, connected: bool, seq: int) -> None:
        """The change log was read up to ``seq``, or could not be read."""

    def refused_sealed_value(self) -> None:
        """A stored credential did not open: somebody or something changed the row."""


class NullMetrics:
    """Counts nothing."""

    def tally(
        self,
        *,
        result: str,  # noqa: ARG002 - as the port has it
        reason: str,  # noqa: ARG002
        transport: str,  # noqa: ARG002
        lookup: Lookup | None = None,  # noqa: ARG002
    ) -> CheckTally:
        """Return what nobody takes anything from."""
        return CheckTally((), wake=_sleep_on)

    def checked(self, *, result: str, reason: str, transport: str, seconds: float) -> None:
        """Do nothing."""

    def looked_up(self, kind: Lookup) -> None:
        """Do nothing."""

    def cached(self, *, credentials: int, unknown: int) -> None:
        """Do nothing."""

    def indexed(self, keys: int) -> None:
        """Do nothing."""

    def followed(self, *, connected: bool, seq: int) -> None:
        """Do nothing."""

    def refused_sealed_value(self) -> None:
        """Do nothing."""


def _sleep_on() -> None:
    """Do nothing."""
