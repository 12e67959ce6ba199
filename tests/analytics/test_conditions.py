from typing import Any

import pytest

from analytics.checked_call import CheckedCall
from analytics.conditions import MAX_CONDITIONS, MAX_PATTERNS, Fields, Look
from analytics.errors import DocumentError, PatternError
from authsvc.request import Request


def call(**given: Any) -> CheckedCall:
    plain: dict[str, Any] = {
        "method": "POST",
        "path": "/items/1?x=1",
        "authority": "api.example.com",
        "headers": (("x-forwarded-proto", b"https"), ("x-tier", b"a"), ("x-tier", b"b")),
        "client_address": "203.0.113.7",
    }
    return CheckedCall(Request(**(plain | given)))


def holds(*groups: list[tuple[str, Any]], of: CheckedCall | None = None) -> bool:
    fields = Fields()
    gate = fields.gate(
        [
            {"conditions": [{"path": path, "value": value} for path, value in group]}
            for group in groups
        ]
    )
    fields.join()
    return Look(of or call()).passes(gate)


FIELDS = {
    "request.verb": "^POST$",
    "request.route": "^/items/1$",
    "request.uri": r"^https://api\.example\.com/items/1\?x=1$",
    "request.ip_address": r"^203\.0\.113\.7$",
    "request.ip": r"^203\.0\.113\.7$",
    "request.headers.X-Tier": "^a,b$",
}


@pytest.mark.parametrize(("path", "value"), FIELDS.items(), ids=FIELDS.keys())
def test_every_field_is_read(path: str, value: str) -> None:
    assert holds([(path, value)])
    assert not holds([(path, "zzz")])


ABSENT = ("response.status", "request.headers.x-none", "request.body.query")


@pytest.mark.parametrize("path", ABSENT)
def test_what_a_call_does_not_have_never_matches(path: str) -> None:
    assert not holds([(path, "")])


def test_conditions_of_a_group_must_all_hold_and_one_group_is_enough() -> None:
    verb, route = ("request.verb", "^POST$"), ("request.route", "^/items")
    wrong = ("request.route", "zzz")
    assert holds([verb, route])
    assert not holds([verb, wrong])
    assert not holds([wrong, route])
    assert holds([wrong], [verb])


def test_nothing_asked_is_every_call() -> None:
    fields = Fields()
    for nothing in (None, []):
        assert Look(call()).passes(fields.gate(nothing))


NONSENSE: dict[str, Any] = {
    "no list": {"conditions": []},
    "a group that is no object": ["x"],
    "a group without conditions": [{"conditions": []}],
    "one group of several without conditions": [
        {"conditions": [{"path": "request.verb", "value": "x"}]},
        {},
    ],
    "conditions that are no list": [{"conditions": {"path": "request.verb", "value": "x"}}],
    "a condition without value": [{"conditions": [{"path": "request.verb"}]}],
    "a boolean value": [{"conditions": [{"path": "request.verb", "value": True}]}],
    "an unknown field": [{"conditions": [{"path": "request.mood", "value": "x"}]}],
    "too many": [{"conditions": [{"path": "request.verb", "value": "x"}] * (MAX_CONDITIONS + 1)}],
}


@pytest.mark.parametrize("raw", NONSENSE.values(), ids=NONSENSE.keys())
def test_what_makes_no_sense_does_not_become_every_call(raw: Any) -> None:
    with pytest.raises(DocumentError):
        Fields().gate(raw)


def test_a_bad_expression_is_told() -> None:
    with pytest.raises(PatternError):
        Fields().gate([{"conditions": [{"path": "request.verb", "value": "("}]}])


def test_a_number_is_its_digits() -> None:
    assert holds([("request.route", 1)])


def test_a_field_is_read_once_however_many_rules_ask() -> None:
    class Counting(CheckedCall):
        reads = 0

        @property
        def route(self) -> str | None:
            Counting.reads += 1
            return super().route

    plain = Counting(Request(method="GET", path="/x"))
    assert not holds(*[[("request.route", f"^/{number}")] for number in range(20)], of=plain)
    assert Counting.reads == 1


def test_methods_that_somebody_makes_up_are_told_apart() -> None:
    fields = Fields()
    gate = fields.gate([{"conditions": [{"path": "request.verb", "value": "^M1?5$"}]}])
    fields.join()
    for _ in range(2):
        methods = [f"M{number}" for number in range(1000)]
        passed = [each for each in methods if Look(call(method=each)).passes(gate)]
        assert passed == ["M5", "M15"]


def test_expressions_beyond_all_number_are_refused() -> None:
    fields = Fields()
    for number in range(MAX_PATTERNS):
        fields.gate([{"conditions": [{"path": "request.verb", "value": str(number)}]}])
    with pytest.raises(DocumentError):
        fields.gate([{"conditions": [{"path": "request.verb", "value": "x"}]}])
