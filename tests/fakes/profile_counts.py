"""Counts profiles, for tests to look at."""

from collections import Counter

from analytics.profiles import ProfileKind, ProfileOutcome


class ProfileCounts:
    """``ProfileMetrics`` in a dict."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[ProfileKind, ProfileOutcome]] = Counter()

    def told(self, kind: ProfileKind, outcome: ProfileOutcome, profiles: int) -> None:
        self.counts[kind, outcome] += profiles
