"""How many events a second may go to the collector: Moesif counts them against a quota."""

import time
from collections.abc import Callable


class SendRate:
    """Keeps to a rate on average: what goes at once is paid for by a longer wait behind it.

    Args:
        monotonic: The time in seconds, from any beginning.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rate: int | None = None
        self._free_at = float("-inf")

    def wait(self, rate: int | None) -> float:
        """Return in how many seconds the next events may go; None: there is no limit."""
        if rate != self._rate:
            # By another rate, what went before has another price: begin anew.
            self._rate = rate
            self._free_at = float("-inf")
        return max(0.0, self._free_at - self._monotonic())

    def spend(self, events: int) -> None:
        """Note that so many events go now."""
        if self._rate is not None:
            self._free_at = max(self._monotonic(), self._free_at) + events / self._rate
