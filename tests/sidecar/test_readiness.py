"""Readiness is what is needed, less what is excluded."""

import pytest

from sidecar.readiness import Check, is_ready, life, without

CHECKS = [
    Check("started", ok=True),
    Check("authsvc-0.database", ok=False),
    Check("authsvc-1.database", ok=False),
    Check("analytics-0.collector", ok=False, needed=False),
]


def test_what_only_informs_does_not_count() -> None:
    assert is_ready([CHECKS[0], CHECKS[3]])
    assert not is_ready(CHECKS)


@pytest.mark.parametrize(
    ("excluded", "left"),
    [
        (set(), 4),
        ({"started"}, 3),
        ({"authsvc-0.database"}, 3),
        ({"authsvc-0"}, 3),
        ({"database"}, 2),
        ({"database", "collector"}, 1),
        ({"nothing"}, 4),
        ({""}, 4),
    ],
)
def test_checks_are_left_out_by_name_by_process_or_by_subject(
    excluded: set[str], left: int
) -> None:
    assert len(without(CHECKS, excluded)) == left


def test_nothing_is_ready_before_it_started_or_while_it_stops() -> None:
    assert is_ready(life(started=True, stopping=False))
    assert not is_ready(life(started=False, stopping=False))
    assert not is_ready(life(started=True, stopping=True))
