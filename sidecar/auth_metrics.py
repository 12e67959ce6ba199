"""Counts what authsvc does: ``authsvc.metrics.AuthMetrics`` for Prometheus.

What callers can rely on:

1. Checks and look-ups are kept in plain numbers and written a moment later, in one go: a page is
   at most ``FLUSH_SECONDS`` behind. Without an event loop they are written at once.
2. Nothing that was counted is lost if ``flush`` is called at the end.
"""

import asyncio
import collections
from collections.abc import Sequence
from itertools import product
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from authsvc.check_tally import CheckTally
from authsvc.decision import AllowReason, DenyReason, Unavailable
from authsvc.metrics import Lookup
from sidecar.auth_gauges import AuthGauges

FLUSH_SECONDS = 0.1

# A check takes well under a millisecond from memory, and a database's time otherwise.
CHECK_BUCKETS = (
    0.0001,
    0.00025,
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
)  # seconds


_TRANSPORTS = ("grpc", "http")
_REASONS = (
    *product(("allow",), AllowReason),
    *product(("deny",), DenyReason),
    ("error", Unavailable().reason),
)

_Outcome = tuple[str, str, str, Lookup | None]  # result, reason, transport, kind of look-up


class _Durations(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, counts: Sequence[int], seconds: float) -> None:
        """Add as many observations to each bucket, which took so long together."""
        self._sum.inc(seconds)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class AuthCounters(AuthGauges):
    """Counts checks and look-ups; notes how far the change log was followed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._checks = Counter(
            "tollkeeper_check",
            "Requests answered, by outcome.",
            ("result", "reason", "transport"),
            registry=registry,
        )
        self._durations = _Durations(
            "tollkeeper_check_duration_seconds",
            "Time to answer a request.",
            ("transport",),
            buckets=CHECK_BUCKETS,
            registry=registry,
        )
        self._lookups = Counter(
            "tollkeeper_cache_lookups",
            "Keys looked up: found in memory, known to be unknown, or asked of the database.",
            ("kind",),
            registry=registry,
        )
        self._refused = Counter(
            "tollkeeper_sealed_value_refused",
            "Stored credentials that did not open: their rows were changed.",
            registry=registry,
        )
        self._tallies: dict[_Outcome, CheckTally] = {}
        self._looked_up: collections.Counter[Lookup] = collections.Counter()
        self._flushing: asyncio.TimerHandle | None = None
        self._show_all()

    def _show_all(self) -> None:
        """Make every series there is: of one that appears, ``rate`` misses what it begins with."""
        for transport in _TRANSPORTS:
            self._durations.labels(transport)
            for result, reason in _REASONS:
                self._checks.labels(result, reason, transport)
        for kind in get_args(Lookup):
            self._lookups.labels(kind)

    def tally(
        self, *, result: str, reason: str, transport: str, lookup: Lookup | None = None
    ) -> CheckTally:
        """Return what counts checks of one outcome, and as look-ups if it says so."""
        outcome = (result, reason, transport, lookup)
        tally = self._tallies.get(outcome)
        if tally is None:
            tally = self._tallies[outcome] = CheckTally(CHECK_BUCKETS, wake=self._flush_soon)
        return tally

    def checked(self, *, result: str, reason: str, transport: str, seconds: float) -> None:
        """Count a request that was answered."""
        self.tally(result=result, reason=reason, transport=transport).add(seconds)

    def looked_up(self, kind: Lookup) -> None:
        """Count a look-up."""
        self._looked_up[kind] += 1
        if self._flushing is None:
            self._flush_soon()

    def flush(self) -> None:
        """Write what was counted; on the event loop that counts, and at its end."""
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        for (result, reason, transport, lookup), tally in self._tallies.items():
            counts, seconds = tally.take()
            checks = sum(counts)
            if not checks:
                continue
            self._checks.labels(result, reason, transport).inc(checks)
            self._durations.labels(transport).add(counts, seconds)
            if lookup is not None:
                self._looked_up[lookup] += checks
        for kind, lookups in self._looked_up.items():
            self._lookups.labels(kind).inc(lookups)
        self._looked_up.clear()

    def _flush_soon(self) -> None:
        if self._flushing is not None:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._flushing = loop.call_later(FLUSH_SECONDS, self.flush)

    def refused_sealed_value(self) -> None:
        """Count a stored credential that did not open."""
        self._refused.inc()
