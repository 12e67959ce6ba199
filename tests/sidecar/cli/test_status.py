"""``analytics status``, from a real diagnostics page."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from analytics.metrics import BreakerState, DeliveryStatus, DropReason, SpoolFault
from sidecar.address import TcpAddress
from sidecar.analytics_metrics import AnalyticsCounters
from sidecar.diagnostics import Diagnostics, serve_diagnostics
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
    return telemetry


async def test_a_table_has_a_line_for_each_delivery_and_the_totals(tollkeeper: Tollkeeper) -> None:
    async with diagnostics(counted().page) as url:
        ended = await tollkeeper("analytics", "status", "--diagnostics-url", url)
    head, line, *totals = ended.out.splitlines()
    assert (ended.code, head.split()[0]) == (0, "PLUGIN")
    assert line.split() == ["global", "120", "4096", "8192", "2", "12.3", "open"]
    assert "received: 500" in totals
    assert "dropped: 3 rejected" in totals
    assert "spool errors: 1 write" in totals


async def test_json_has_all_of_it(tollkeeper: Tollkeeper) -> None:
    async with diagnostics(counted().page) as url:
        ended = await tollkeeper("analytics", "status", "--diagnostics-url", url, "--output=json")
    assert json.loads(ended.out) == {
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
        },
    }


async def test_nobody_there_is_one_line(tollkeeper: Tollkeeper, told: Failed) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    line = told(await tollkeeper("analytics", "status", "--diagnostics-url", url), 1)
    assert line.startswith(f"{url}/metrics cannot be reached")
