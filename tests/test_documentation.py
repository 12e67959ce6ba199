"""What the documentation names exists, and what exists is documented."""

import re
import tomllib
from enum import StrEnum
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from analytics.bodies.metrics import BodyOutcome
from analytics.instruction_metrics import FetchOutcome, RulingOutcome
from analytics.metrics import DropReason, PostOutcome, SkipReason
from authsvc.extauthz.fastlane.endings import Ending
from sidecar.analytics_metrics import AnalyticsCounters
from sidecar.body_metrics import BodyCounters
from sidecar.connection_metrics import ConnectionCounters
from sidecar.instruction_metrics import InstructionCounters
from sidecar.profile_metrics import ProfileCounters
from sidecar.settings import FIELDS
from sidecar.telemetry import ProcessCounters, Telemetry

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").glob("*.md")]
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
SETTING_ROW = re.compile(
    r"^\| `([a-z0-9_.]+)` \| `([A-Z0-9_]+)`(, or `…__[A-Z0-9_]+_FILE`)? \|", re.MULTILINE
)
METRIC_ROW = re.compile(r"^\| `(tollkeeper_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


def test_the_readme_lists_every_setting_with_its_variable() -> None:
    rows = SETTING_ROW.findall((ROOT / "README.md").read_text())
    listed = {name: (variable, bool(file)) for name, variable, file in rows}
    assert listed == {name: (field.variable, field.secret) for name, field in FIELDS.items()}


def metrics_of(registry: CollectorRegistry) -> dict[str, tuple[str, str]]:
    """Return the type and the labels of every metric, by the name that Prometheus shows."""
    return {
        metric.name + ("_total" if metric.type == "counter" else ""): (
            metric.type,
            ", ".join(collector._labelnames),
        )
        for collector in registry._collector_to_names
        for metric in collector.collect()
    }


COUNTERS = (
    AnalyticsCounters,
    BodyCounters,
    ConnectionCounters,
    InstructionCounters,
    ProfileCounters,
)


def test_every_metric_is_documented_with_its_type_and_labels(tmp_path: Path) -> None:
    telemetry = Telemetry.alone()
    assert telemetry.auth
    assert telemetry.admin
    for kind in COUNTERS:
        assert telemetry.counting(kind)
    supervisor = ProcessCounters(tmp_path)
    assert supervisor.declarations
    existing = metrics_of(telemetry._registry) | metrics_of(supervisor._registry)
    rows = METRIC_ROW.findall((ROOT / "docs" / "metrics.md").read_text())
    assert {name: (kind, labels.strip()) for name, kind, labels in rows} == existing


REASONS = [
    BodyOutcome,
    DropReason,
    Ending,
    PostOutcome,
    SkipReason,
    FetchOutcome,
    RulingOutcome,
]


@pytest.mark.parametrize("reasons", REASONS)
def test_every_reason_is_documented(reasons: type[StrEnum]) -> None:
    documented = (ROOT / "docs" / "metrics.md").read_text()
    assert not [reason for reason in reasons if not re.search(rf"\b{reason}\b", documented)]


def test_every_dependency_has_a_row() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        required.extend(extra)
    named = set(re.findall(r"[\w-]+", (ROOT / "docs" / "dependencies.md").read_text()))
    assert {re.split(r"[<>=\[ ]", each)[0] for each in required} <= named


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    missing = [to for to in LINK.findall(path.read_text()) if not (path.parent / to).exists()]
    assert not missing
