"""What is counted, and where it is found. Over several processes: test_supervisor."""

import asyncio
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from authsvc.metrics import AuthMetrics
from sidecar.telemetry import ProcessCounters, Telemetry
from tests.deadline import eventually


def samples(page: bytes) -> dict[tuple[str, str], float]:
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_checks_are_counted_and_timed() -> None:
    telemetry = Telemetry.alone()
    auth: AuthMetrics = telemetry.auth
    auth.checked(result="deny", reason="unknown_key", transport="grpc", seconds=0.0002)
    auth.checked(result="deny", reason="unknown_key", transport="grpc", seconds=3)
    found = samples(telemetry.page())
    assert found["tollkeeper_check_total", "unknown_key,deny,grpc"] == 2
    assert found["tollkeeper_check_duration_seconds_bucket", "0.00025,grpc"] == 1
    assert found["tollkeeper_check_duration_seconds_bucket", "1.0,grpc"] == 1
    assert found["tollkeeper_check_duration_seconds_count", "grpc"] == 2


def counted(telemetry: Telemetry) -> tuple[float, float]:
    """Return how many checks and how many look-ups are on the page."""
    found = samples(telemetry.page())
    checks = found.get(("tollkeeper_check_total", "key,allow,grpc"), 0)
    return checks, found.get(("tollkeeper_cache_lookups_total", "hit"), 0)


async def test_what_is_counted_while_a_loop_runs_is_on_the_page_a_moment_later() -> None:
    telemetry = Telemetry.alone()
    tally = telemetry.auth.tally(result="allow", reason="key", transport="grpc", lookup="hit")
    for rounds in (1, 2):
        for _ in range(3):
            tally.add(0.0001)
        telemetry.auth.looked_up("hit")
        assert counted(telemetry) == (3 * (rounds - 1), 4 * (rounds - 1))
        await eventually(
            lambda want=3 * rounds: counted(telemetry)[0] == want, "the checks to be written"
        )
        assert counted(telemetry) == (3 * rounds, 4 * rounds)
    found = samples(telemetry.page())
    assert found["tollkeeper_check_duration_seconds_bucket", "0.0001,grpc"] == 6
    assert 0.0005 < found["tollkeeper_check_duration_seconds_sum", "grpc"] < 0.0007


async def test_nothing_is_lost_when_a_loop_ends_with_a_flush() -> None:
    telemetry = Telemetry.alone()
    telemetry.auth.checked(result="allow", reason="key", transport="grpc", seconds=2)
    telemetry.auth.looked_up("hit")

    telemetry.auth.flush()

    assert counted(telemetry) == (1, 1)
    telemetry.auth.flush()
    assert counted(telemetry) == (1, 1)


def test_a_loop_that_ended_keeps_nobody_from_counting_on() -> None:
    telemetry = Telemetry.alone()

    async def count() -> None:
        telemetry.auth.looked_up("hit")
        telemetry.auth.flush()

    asyncio.run(count())
    telemetry.auth.looked_up("hit")
    assert counted(telemetry) == (0, 2)


def test_the_cache_and_the_change_log_are_measured() -> None:
    telemetry = Telemetry.alone()
    telemetry.auth.looked_up("hit")
    telemetry.auth.cached(credentials=5, unknown=2)
    telemetry.auth.refused_sealed_value()
    telemetry.auth.followed(connected=True, seq=7)
    telemetry.auth.followed(connected=False, seq=0)
    found = samples(telemetry.page())
    assert found["tollkeeper_cache_lookups_total", "hit"] == 1
    assert found["tollkeeper_cache_entries", "credential"] == 5
    assert found["tollkeeper_cache_entries", "unknown"] == 2
    assert found["tollkeeper_sealed_value_refused_total", ""] == 1
    assert found["tollkeeper_database_up", ""] == 0
    assert found["tollkeeper_change_log_seq", ""] == 7  # how far it came does not go back


def test_a_role_that_is_not_here_counts_nothing() -> None:
    telemetry = Telemetry.alone()
    assert telemetry.admin
    of_admin = ("tollkeeper_admin_", "tollkeeper_keyring_", "tollkeeper_expired_rows_")
    assert not [name for name, _ in samples(telemetry.page()) if not name.startswith(of_admin)]


def test_two_processes_in_one_do_not_mix() -> None:
    one, other = Telemetry.alone(), Telemetry.alone()
    one.auth.looked_up("miss")
    assert other.auth
    assert samples(other.page())["tollkeeper_cache_lookups_total", "miss"] == 0


def test_processes_are_counted_by_the_supervisor(tmp_path: Path) -> None:
    counters = ProcessCounters(tmp_path)
    counters.started("authsvc-0")
    counters.reported("authsvc-0", ready=True)
    assert samples(counters.page())["tollkeeper_process_up", "authsvc-0"] == 1
    counters.ended("authsvc-0")
    counters.started("authsvc-0")
    found = samples(counters.page())
    assert found["tollkeeper_process_up", "authsvc-0"] == 0
    assert found["tollkeeper_process_starts_total", "authsvc-0"] == 2
