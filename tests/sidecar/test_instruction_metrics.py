"""How it goes with Moesif's instructions: as gauges, and as ``analytics status`` reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import values

from analytics.collector import DocumentKind
from analytics.instruction_metrics import DocumentStatus, FetchOutcome, FollowStatus, Origin
from analytics.rules import RuleKind
from sidecar.instruction_metrics import InstructionCounters
from sidecar.instruction_report import read_instructions
from sidecar.telemetry import DIRECTORY_VARIABLE, ProcessCounters, Telemetry

CONFIG, RULES = DocumentKind.CONFIG, DocumentKind.RULES
NOW = 2_000_000_000.0
FRESH = DocumentStatus(Origin.COLLECTOR, NOW - 10)
STALE = DocumentStatus(Origin.DISK, NOW - 500, FetchOutcome.UNREACHABLE, NOW - 3)
SAMPLING = FollowStatus({CONFIG: FRESH}, sample_rate=50)
GOVERNING = FollowStatus({CONFIG: STALE, RULES: FRESH}, rules={RuleKind.USER: 2, RuleKind.CALL: 1})


def following(*told: tuple[str, FollowStatus | None]) -> Telemetry:
    telemetry = Telemetry.alone()
    for plugin, status in told:
        telemetry.counting(InstructionCounters).following(plugin, status)
    return telemetry


def report(page: bytes) -> list[dict[str, Any]]:
    return read_instructions(page.decode(), now=NOW)


def test_each_document_of_each_plugin_has_a_row() -> None:
    assert report(following(("global", GOVERNING), ("route r", SAMPLING)).page()) == [
        row("global", "config", STALE),
        row("global", "rules", FRESH, rules={"user": 2, "regex": 1}),
        row("route r", "config", FRESH, sample_rate=50),
    ]


def row(plugin: str, document: str, status: DocumentStatus, **values: Any) -> dict[str, Any]:
    return {
        "plugin": plugin,
        "document": document,
        "origin": status.origin,
        "good_age_seconds": NOW - status.good_at if status.good_at else None,
        "last_failure": status.failure,
        "last_failure_age_seconds": NOW - status.failed_at if status.failure else None,
        "rules": None,
        "sample_rate": None,
    } | values


def test_what_was_never_good_has_no_age() -> None:
    never = DocumentStatus(failure=FetchOutcome.REFUSED, failed_at=NOW - 1)
    page = following(("global", FollowStatus({CONFIG: never}))).page()
    assert report(page) == [row("global", "config", never)]


def test_of_several_failures_the_last_one_counts() -> None:
    later = DocumentStatus(failure=FetchOutcome.INVALID, failed_at=NOW - 1)
    told = [("global", FollowStatus({CONFIG: status})) for status in (STALE, later)]
    assert report(following(*told).page()) == [row("global", "config", later)]


def test_a_plugin_that_is_not_followed_any_more_has_no_row_and_alarms_nobody() -> None:
    telemetry = following(("global", GOVERNING), ("global", None), ("never", None))
    assert report(telemetry.page()) == []
    page = telemetry.page().decode()
    assert 'good_timestamp_seconds{document="rules",plugin="global"} +Inf' in page
    assert 'tollkeeper_governance_rules{kind="user",plugin="global"} 0.0' in page


BETTER = FollowStatus({CONFIG: FRESH, RULES: FRESH}, rules=dict.fromkeys(RuleKind, 5))
TOLD: dict[str, Sequence[FollowStatus | None]] = {
    "one that is better off": [GOVERNING, BETTER],
    "the same first": [BETTER, GOVERNING],
    "one that does not follow it any more": [GOVERNING, None],
    "that one first": [None, GOVERNING],
}


@pytest.mark.parametrize("told", TOLD.values(), ids=TOLD.keys())
def test_of_several_processes_the_one_that_is_worst_off_shows(
    told: Sequence[FollowStatus | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path))
    monkeypatch.setattr(values, "ValueClass", values.ValueClass)  # as it was, in the end
    for number, status in enumerate(told):
        counters = Telemetry.of_child(f"authsvc-{number}").counting(InstructionCounters)
        counters.following("global", BETTER)
        counters.following("global", status)
    config, rules = report(ProcessCounters(tmp_path).page())
    assert config == row("global", "config", STALE)
    assert rules["origin"] == "collector"
    fewest = 0 if None in told else 2
    assert rules["rules"]["user"] == fewest
