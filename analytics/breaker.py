"""A circuit breaker for one application id's requests to the collector.

Closed, everything is sent.  After some failures in a row, or where the application id is refused,
it opens: nothing is sent until a while has passed.  Then it is half open: one request is let
through, and what becomes of it closes the breaker or opens it again, for longer.
"""

from analytics.backoff import Backoff
from analytics.metrics import BreakerState, PostOutcome

OPENS_AFTER = 5  # failures in a row


class Breaker:
    """Knows how it went lately, and so how long to wait before the next request."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._failures = 0
        self.state = BreakerState.CLOSED

    def succeeded(self) -> None:
        """A request was answered as it should be: the collector is there."""
        self._failures = 0
        self.state = BreakerState.CLOSED

    def failed(self, outcome: PostOutcome, asked: float | None) -> float:
        """A request failed; return how many seconds to wait before the next.

        Args:
            outcome: How it failed.
            asked: How many seconds the collector asked to wait, if it did. It is kept to.
        """
        self._failures += 1
        refused = outcome is PostOutcome.REFUSED
        if refused or self._failures >= OPENS_AFTER:
            self.state = BreakerState.OPEN
        if refused and asked is None:
            return self._backoff.until_probe()
        return self._backoff.after_failure(self._failures, asked)

    def waited(self) -> None:
        """The wait is over: what is sent next tells how it goes on."""
        if self.state is BreakerState.OPEN:
            self.state = BreakerState.HALF_OPEN
