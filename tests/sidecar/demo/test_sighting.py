import re
from typing import Any

import pytest

from sidecar.demo.sighting import sighting_of

EVENT: dict[str, Any] = {
    "request": {"time": "2026-01-02T03:04:05.678Z", "verb": "GET", "uri": "http://a.test/p?q=1"},
    "response": {"status": 200},
    "user_id": "user",
    "metadata": {"consumer": {"id": "1", "username": "ann"}, "duration_ms": 12.34},
}


def test_an_event_is_one_line() -> None:
    seen = sighting_of(EVENT)

    assert re.fullmatch(r"\d\d:\d\d:05\.678", seen.time)
    assert (seen.verb, seen.path, seen.status) == ("GET", "/p?q=1", "200")
    assert (seen.consumer, seen.latency) == ("ann", "12.3 ms")


@pytest.mark.parametrize(
    ("changes", "consumer"),
    [
        ({"metadata": {"consumer": {"id": "1", "custom_id": "c"}}}, "c"),
        ({"metadata": {"consumer": {"id": "1"}}}, "1"),
        ({"metadata": {}}, "user"),
        ({"metadata": {}, "user_id": None}, "-"),
    ],
)
def test_the_consumer_is_who_is_known_best(changes: dict[str, Any], consumer: str) -> None:
    assert sighting_of(EVENT | changes).consumer == consumer


def test_a_client_that_left_has_no_status() -> None:
    seen = sighting_of({"request": EVENT["request"]})

    assert (seen.status, seen.consumer, seen.latency) == ("-", "-", "-")


def test_nothing_that_a_client_sent_moves_the_cursor() -> None:
    request = {**EVENT["request"], "uri": "http://a.test/\x1b[2J", "verb": "G\rT"}
    seen = sighting_of({**EVENT, "request": request, "metadata": {"consumer": {"id": "\x07"}}})

    assert (seen.path, seen.verb, seen.consumer) == (r"/\x1b[2J", r"G\rT", r"\x07")
