"""What is counted, and where it is found. Over several processes: test_supervisor."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from authsvc.metrics import AuthMetrics
from sidecar.telemetry import ProcessCounters, Telemetry


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
    of_admin = ("tollkeeper_admin_", "tollkeeper_keyring_")
    assert not [name for name, _ in samples(telemetry.page()) if not name.startswith(of_admin)]


def test_two_processes_in_one_do_not_mix() -> None:
    one, other = Telemetry.alone(), Telemetry.alone()
    one.auth.looked_up("miss")
    assert other.auth
    assert ("tollkeeper_cache_lookups_total", "miss") not in samples(other.page())


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
