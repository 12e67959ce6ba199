from typing import Any

import msgspec
import orjson
import pytest

from analytics.tail import MAX_VIEWERS, Tail, Wanted

EVENT = {
    "request": {"uri": "https://api.example.com/items"},
    "response": {"status": 404},
    "user_id": "u-1",
    "metadata": {"route": "items", "consumer": {"id": "c-1", "username": "ada", "custom_id": "7"}},
}

ADMITTED = {
    "everything": (Wanted(), True),
    "its consumer's id": (Wanted(consumer="c-1"), True),
    "its consumer's name": (Wanted(consumer="ada"), True),
    "its consumer's custom id": (Wanted(consumer="7"), True),
    "its user": (Wanted(consumer="u-1"), True),
    "another consumer": (Wanted(consumer="bob"), False),
    "its status": (Wanted(status="404"), True),
    "its class": (Wanted(status="4xx"), True),
    "another class": (Wanted(status="5xx"), False),
    "its route": (Wanted(route="items"), True),
    "another route": (Wanted(route="orders"), False),
    "all of it": (Wanted(consumer="ada", status="4xx", route="items"), True),
    "all but one": (Wanted(consumer="ada", status="2xx", route="items"), False),
}


@pytest.mark.parametrize(("wanted", "admitted"), ADMITTED.values(), ids=ADMITTED)
def test_a_viewer_gets_what_it_wants(wanted: Wanted, admitted: bool) -> None:
    assert wanted.admits(EVENT) is admitted


def test_an_event_that_says_little_is_no_problem() -> None:
    assert Wanted().admits({})
    assert not Wanted(consumer="ada", status="2xx", route="r").admits({"request": {}})


@pytest.mark.parametrize("status", ["", "4", "4x", "xxx", "600", "2000", r"\d\d\d"])
def test_what_is_no_status_is_refused(status: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"status": status}, Wanted)


class View:
    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.room = True

    def has_room(self) -> bool:
        return self.room

    def write(self, line: bytes) -> None:
        self.lines.append(line)


def event(**members: Any) -> bytes:
    return orjson.dumps(EVENT | members)


def test_events_are_shown_as_they_are_and_only_while_somebody_watches() -> None:
    tail, view = Tail(), View()
    tail.show(event(user_id="before"))
    with tail.watched(Wanted(status="404"), view):
        tail.show(event())
        tail.show(event(response={"status": 200}))
    tail.show(event(user_id="after"))
    assert view.lines == [event() + b"\n"]


def test_a_slow_viewer_misses_events_and_is_told_how_many() -> None:
    tail, slow, other = Tail(), View(), View()
    with tail.watched(Wanted(), slow), tail.watched(Wanted(), other):
        slow.room = False
        tail.show(event(user_id="1"))
        tail.show(event(user_id="2"))
        slow.room = True
        tail.show(event(user_id="3"))
    assert slow.lines == [b'{"missed":2}\n', event(user_id="3") + b"\n"]
    assert len(other.lines) == 3


def test_viewers_are_bounded() -> None:
    tail = Tail()
    viewers = [tail.watched(Wanted(), View()) for _ in range(MAX_VIEWERS)]
    for viewer in viewers:
        assert not tail.is_full
        viewer.__enter__()
    assert tail.is_full
    viewers[0].__exit__(None, None, None)
    assert not tail.is_full
