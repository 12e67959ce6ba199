"""What can be counted is on the page before it is: ``rate`` needs a value to begin with."""

from collections.abc import Callable
from enum import StrEnum
from itertools import product

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from analytics.bodies.metrics import BodyOutcome
from analytics.collector import DocumentKind
from analytics.instruction_metrics import FetchOutcome, RulingOutcome
from analytics.metrics import DropReason, PostOutcome, SkipReason, SpoolFault
from analytics.profiles import ProfileKind, ProfileOutcome
from authsvc.decision import AllowReason, DenyReason
from sidecar.admin_metrics import AdminCounters
from sidecar.analytics_metrics import AnalyticsCounters
from sidecar.auth_metrics import AuthCounters
from sidecar.body_metrics import BodyCounters
from sidecar.instruction_metrics import InstructionCounters
from sidecar.profile_metrics import ProfileCounters
from sidecar.telemetry import Telemetry

Counters = Callable[[CollectorRegistry], object]
SERIES: dict[str, tuple[Counters, tuple[type[StrEnum], ...]]] = {
    "tollkeeper_events_skipped_total": (AnalyticsCounters, (SkipReason,)),
    "tollkeeper_events_dropped_total": (AnalyticsCounters, (DropReason,)),
    "tollkeeper_spool_errors_total": (AnalyticsCounters, (SpoolFault,)),
    "tollkeeper_collector_request_duration_seconds_count": (AnalyticsCounters, (PostOutcome,)),
    "tollkeeper_moesif_fetches_total": (InstructionCounters, (DocumentKind, FetchOutcome)),
    "tollkeeper_moesif_parts_ignored_total": (InstructionCounters, (DocumentKind,)),
    "tollkeeper_governance_rulings_total": (InstructionCounters, (RulingOutcome,)),
    "tollkeeper_profiles_total": (ProfileCounters, (ProfileKind, ProfileOutcome)),
    "tollkeeper_bodies_total": (BodyCounters, (BodyOutcome,)),
}


TRANSPORTS = ("grpc", "http")
OUTCOMES = {
    *product(["allow"], AllowReason, TRANSPORTS),
    *product(["deny"], DenyReason, TRANSPORTS),
    *product(["error"], ["store_unavailable"], TRANSPORTS),
}
ALWAYS: dict[str, tuple[Counters, set[tuple[str, ...]]]] = {
    "tollkeeper_check_total": (AuthCounters, OUTCOMES),
    "tollkeeper_check_duration_seconds_count": (AuthCounters, {(each,) for each in TRANSPORTS}),
    "tollkeeper_cache_lookups_total": (AuthCounters, {("hit",), ("known_unknown",), ("miss",)}),
    "tollkeeper_expired_rows_purged_total": (AdminCounters, {("credentials",), ("tokens",)}),
    **{name: (kind, set(product(*labels))) for name, (kind, labels) in SERIES.items()},
}


@pytest.mark.parametrize("name", ALWAYS)
def test_a_counter_is_there_before_anything_is_counted(name: str) -> None:
    counters, series = ALWAYS[name]
    telemetry = Telemetry.alone()
    telemetry.counting(counters)
    found = {
        frozenset(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(telemetry.page().decode())
        for sample in family.samples
        if sample.name == name
    }
    assert found == {frozenset(values): 0 for values in series}
