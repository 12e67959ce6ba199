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


BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "none": ({}, "-"),
    "json": ({"body": {"a": ["ü", 1]}, "transfer_encoding": "json"}, '{"a":["ü",1]}'),
    "text": ({"body": "YQpiCg==", "transfer_encoding": "base64"}, "a b"),
    "bytes": ({"body": "AAE=", "transfer_encoding": "base64"}, "2 bytes"),
    "no text": ({"body": "/w==", "transfer_encoding": "base64"}, "1 bytes"),
    "long": ({"body": ["x" * 99], "transfer_encoding": "json"}, '["' + "x" * 31 + "..."),
    "a terminal's orders": ({"body": ["\x1b[2J"], "transfer_encoding": "json"}, '["\\u001b[2J"]'),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_is_shown_as_far_as_it_fits(name: str) -> None:
    body, shown = BODIES[name]
    event = EVENT | {"response": EVENT["response"] | body}
    assert sighting_of(event).bodies == f"- -> {shown}"


def test_the_user_is_shown_with_the_company() -> None:
    assert sighting_of(EVENT).user == "user"
    assert sighting_of(EVENT | {"company_id": "co"}).user == "user/co"
    assert sighting_of(EVENT | {"user_id": None}).user == "-"


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
