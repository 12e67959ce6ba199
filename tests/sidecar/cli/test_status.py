"""``analytics status``, from a real diagnostics page."""

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from analytics.collector import DocumentKind
from analytics.instruction_metrics import (
    DocumentStatus,
    FetchOutcome,
    FollowStatus,
    Origin,
    RulingOutcome,
)
from analytics.metrics import BreakerState, DeliveryStatus, DropReason, SkipReason, SpoolFault
from analytics.rules import RuleKind
from sidecar.address import TcpAddress
from sidecar.analytics_metrics import AnalyticsCounters
from sidecar.diagnostics import Diagnostics, serve_diagnostics
from sidecar.instruction_metrics import InstructionCounters
from sidecar.telemetry import Telemetry
from tests.clients.command_line import Failed, Tollkeeper
from tests.fakes.free_port import free_port

STATUS = DeliveryStatus(
    events=120,
    size=4096,
    spool_size=8192,
    spool_segments=2,
    oldest_age=12.34,
    breaker=BreakerState.OPEN,
)


@asynccontextmanager
async def diagnostics(page: Callable[[], bytes]) -> AsyncIterator[str]:
    address = TcpAddress("127.0.0.1", free_port())
    async with serve_diagnostics(Diagnostics(checks=list, metrics=page), address):
        yield f"http://{address}"


def counted() -> Telemetry:
    telemetry = Telemetry.alone()
    analytics = telemetry.counting(AnalyticsCounters)
    analytics.received(500)
    analytics.sent(370)
    analytics.batched(50)
    analytics.dead_lettered(3)
    analytics.dropped(DropReason.REJECTED, 3)
    analytics.spool_failed(SpoolFault.WRITE)
    analytics.delivery("global", STATUS)
    analytics.delivery("route gone", STATUS)
    analytics.delivery("route gone", None)
    analytics.skipped(SkipReason.SAMPLED_USER, 7)
    instructions = telemetry.counting(InstructionCounters)
    instructions.ruled(RulingOutcome.BLOCKED)
    instructions.ignored(DocumentKind.RULES, 2)
    fresh = DocumentStatus(Origin.COLLECTOR, time.time())
    never = DocumentStatus(failure=FetchOutcome.UNREACHABLE, failed_at=time.time())
    rules = {RuleKind.USER: 3, RuleKind.CALL: 1}
    instructions.following(
        "global",
        FollowStatus(
            {DocumentKind.CONFIG: never, DocumentKind.RULES: fresh}, rules, sample_rate=50
        ),
    )
    return telemetry


async def test_a_table_has_a_line_for_each_delivery_and_the_totals(tollkeeper: Tollkeeper) -> None:
    async with diagnostics(counted().page) as url:
        ended = await tollkeeper("analytics", "status", "--diagnostics-url", url)
    deliveries, _, instructions = ended.out.partition("\n\n")
    head, line, *totals = deliveries.splitlines()
    assert (ended.code, head.split()[0]) == (0, "PLUGIN")
    assert line.split() == ["global", "120", "4096", "8192", "2", "12.3", "open"]
    assert "received: 500" in totals
    assert "dropped: 3 rejected" in totals
    assert "spool errors: 1 write" in totals
    assert "skipped: 7 sampled_user" in totals
    head, config, rules = instructions.splitlines()
    shown = [re.split("  +", re.sub(r"\d+\.\d", "N", each)) for each in (config, rules)]
    assert shown == [
        ["global", "config", "none", "-", "50 % of all", "unreachable", "N"],
        ["global", "rules", "collector", "N", "3 user, 1 regex", "-", "-"],
    ]


async def test_where_nothing_is_followed_nothing_is_said_of_it(tollkeeper: Tollkeeper) -> None:
    async with diagnostics(Telemetry.alone().page) as url:
        ended = await tollkeeper("analytics", "status", "--diagnostics-url", url)
    assert "DOCUMENT" not in ended.out


async def test_json_has_all_of_it(tollkeeper: Tollkeeper) -> None:
    async with diagnostics(counted().page) as url:
        ended = await tollkeeper("analytics", "status", "--diagnostics-url", url, "--output=json")
    found = json.loads(ended.out)
    rules, ages = found["instructions"][1], ("good_age_seconds", "last_failure_age_seconds")
    assert {name: value for name, value in rules.items() if name not in ages} == {
        "plugin": "global",
        "document": "rules",
        "origin": "collector",
        "last_failure": None,
        "rules": {"user": 3, "regex": 1},
        "sample_rate": None,
    }
    assert found == {
        "instructions": found["instructions"],
        "deliveries": [
            {
                "plugin": "global",
                "waiting_events": 120,
                "waiting_bytes": 4096,
                "oldest_age_seconds": 12.3,
                "spool_bytes": 8192,
                "spool_segments": 2,
                "breaker": "open",
            }
        ],
        "totals": {
            "received": 500,
            "sent": 370,
            "retried": 0,
            "batches": 1,
            "dead_letters": 3,
            "dropped": {"rejected": 3},
            "spool_errors": {"write": 1},
            "skipped": {"sampled_user": 7},
            "rulings": {"blocked": 1},
            "parts_ignored": {"rules": 2},
        },
    }


async def test_nobody_there_is_one_line(tollkeeper: Tollkeeper, told: Failed) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    line = told(await tollkeeper("analytics", "status", "--diagnostics-url", url), 1)
    assert line.startswith(f"{url}/metrics cannot be reached")


async def test_what_is_no_url_is_one_line_and_2(tollkeeper: Tollkeeper, told: Failed) -> None:
    outcome = await tollkeeper("analytics", "status", "--diagnostics-url", "http://[::1")
    assert told(outcome, 2).startswith("nothing can be at http://[::1/metrics: that is no URL")


@pytest.mark.parametrize("page", [b'{"a": 1}', b"\xff", b"tollkeeper_delivery_waiting_events 1\n"])
async def test_another_program_there_is_one_line(
    page: bytes, tollkeeper: Tollkeeper, told: Failed
) -> None:
    async with diagnostics(lambda: page) as url:
        line = told(await tollkeeper("analytics", "status", "--diagnostics-url", url), 1)
    assert line.startswith(f"what answers at {url} are not")
