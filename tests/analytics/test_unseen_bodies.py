from typing import Any

import pytest
from structlog.testing import capture_logs

from analytics.governance import Rulebook
from analytics.unseen_bodies import UnseenBodies
from authsvc.request import Request


def told(unseen: UnseenBodies, rulebook: Rulebook, **given: Any) -> list[str | None]:
    headers = (("content-type", b"application/json"), ("content-length", b"2"))
    plain = {"method": "POST", "path": "/", "headers": headers, "route": "orders"}
    with capture_logs() as logs:
        unseen.notice(rulebook, Request(**(plain | given)))
    return [line["route"] for line in logs]


def test_each_route_is_told_of_once_for_the_same_rules() -> None:
    unseen, rulebook = UnseenBodies(), Rulebook()
    assert told(unseen, rulebook) == ["orders"]
    assert told(unseen, rulebook) == []
    assert told(unseen, rulebook, route=None) == [None]
    assert told(unseen, Rulebook()) == ["orders"]


FINE: dict[str, dict[str, Any]] = {
    "a body that is shown": {"body": b"{}"},
    "no length": {"headers": ()},
    "no body": {"headers": (("content-length", b"0"),)},
    "a body that does not fit": {"headers": (("content-length", b"8193"),)},
    "a length beyond all measure": {"headers": (("content-length", b"9" * 5000),)},
    "a length that is none": {"headers": (("content-length", b"-1"),)},
}


@pytest.mark.parametrize("given", FINE.values(), ids=FINE.keys())
def test_what_could_not_be_shown_is_no_reason(given: dict[str, Any]) -> None:
    assert told(UnseenBodies(), Rulebook(), **given) == []
