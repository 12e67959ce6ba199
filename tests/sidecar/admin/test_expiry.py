"""How long an entity lives."""

import pytest

from sidecar.admin.expiry import expiry, parse_ttl, remaining
from sidecar.admin.payload import Payload
from sidecar.admin.problems import ProblemError

REASON = "must be an integer between 0 and 100000000"


def test_nothing_said_differs_from_for_ever() -> None:
    assert parse_ttl(Payload({})) is None
    assert parse_ttl(Payload({"ttl": 0})) == 0


def test_forms_write_numbers_as_text() -> None:
    assert parse_ttl(Payload({"ttl": "60"}, is_form=True)) == 60


@pytest.mark.parametrize("ttl", [-1, 1.5, 100_000_001, "10", "abc", None, [], {}, True])
def test_anything_else_is_refused(ttl: object) -> None:
    with pytest.raises(ProblemError) as problem:
        parse_ttl(Payload({"ttl": ttl}))
    assert problem.value.body == {
        "code": 11,
        "name": "invalid options",
        "message": f"invalid option (ttl: {REASON})",
        "options": {"ttl": REASON},
    }


def test_it_never_lives_shorter_than_asked() -> None:
    assert expiry(10, now=100.0) == 110
    assert expiry(10, now=100.1) == 111
    assert expiry(0, now=100.0) is None


def test_what_remains_is_told_in_whole_seconds() -> None:
    assert remaining(None, now=5.0) is None
    assert remaining(110, now=100.1) == 9
    assert remaining(expiry(3600, now=100.9), now=100.9) == 3600
    assert remaining(100, now=200.0) == 0
