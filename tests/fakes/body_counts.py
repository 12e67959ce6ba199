"""Metrics of bodies that can be asked what was counted."""

from collections import Counter

from analytics.bodies.metrics import BodyOutcome


class BodyCounts:
    """Counts like the real ones, and can be asked."""

    def __init__(self) -> None:
        self.outcomes: Counter[BodyOutcome] = Counter()
        self.waited_in_vain = 0
        self.size = 0
        self.streams = 0

    def bodies(self, outcome: BodyOutcome, count: int) -> None:
        assert count > 0
        self.outcomes[outcome] += count

    def awaited_in_vain(self) -> None:
        self.waited_in_vain += 1

    def held(self, *, size: int, streams: int) -> None:
        self.size, self.streams = size, streams
