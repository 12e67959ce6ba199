"""Metrics of analytics that can be asked what was counted."""

from collections import Counter

from analytics.metrics import DeliveryStatus, DropReason, PostOutcome, SkipReason, SpoolFault


class CountingMetrics:
    """Counts like the real ones, and can be asked."""

    def __init__(self) -> None:
        self.entries = 0
        self.events_sent = 0
        self.events_retried = 0
        self.skips: Counter[SkipReason] = Counter()
        self.drops: Counter[DropReason] = Counter()
        self.posts: Counter[PostOutcome] = Counter()
        self.batches: list[int] = []
        self.dead_letters = 0
        self.spool_faults: Counter[SpoolFault] = Counter()
        self.deliveries: dict[str, DeliveryStatus] = {}
        self.events_waiting = 0
        self.size_waiting = 0
        self.open_streams = 0

    def received(self, entries: int) -> None:
        self.entries += entries

    def skipped(self, reason: SkipReason, entries: int) -> None:
        self.skips[reason] += entries

    def dropped(self, reason: DropReason, events: int) -> None:
        self.drops[reason] += events

    def sent(self, events: int) -> None:
        self.events_sent += events

    def retried(self, events: int) -> None:
        self.events_retried += events

    def posted(self, outcome: PostOutcome, seconds: float) -> None:
        assert seconds >= 0
        self.posts[outcome] += 1

    def batched(self, events: int) -> None:
        self.batches.append(events)

    def dead_lettered(self, events: int) -> None:
        self.dead_letters += events

    def spool_failed(self, fault: SpoolFault) -> None:
        self.spool_faults[fault] += 1

    def delivery(self, plugin: str, status: DeliveryStatus | None) -> None:
        if status is None:
            self.deliveries.pop(plugin, None)
        else:
            self.deliveries[plugin] = status

    def waiting(self, *, events: int, size: int) -> None:
        self.events_waiting, self.size_waiting = events, size

    def streams(self, count: int) -> None:
        self.open_streams = count
