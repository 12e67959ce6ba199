"""Kinds of values with members."""

from typing import Any

import pytest

from sidecar.admin.containers import Field, ListOf, MapOf, Record, Reference
from sidecar.admin.kinds import Boolean, Integer, InvalidValueError, Kind, Text

ID = "11111111-1111-4111-8111-111111111111"
SET = ListOf(elements=Text(), distinct=True)
CONSUMER = Reference(entity="consumers", names={"username": Text()})
HEADERS = MapOf(keys=Text(max_length=5), values=ListOf(elements=Text(), min_length=1))
RECORD = Record(
    {
        "size": Field(kind=Integer(), required=True, default=3, doc=""),
        "flag": Field(kind=Boolean(), doc=""),
        "inner": Field(
            kind=Record({"name": Field(kind=Text(), default="n", doc="")}), required=True, doc=""
        ),
    }
)

ACCEPTED: dict[str, tuple[Kind, object, Any]] = {
    "set, first of equals": (SET, ["a", "b", "a"], ["a", "b"]),
    "empty set": (SET, [], []),
    "map": (HEADERS, {"x-a": ["1"]}, {"x-a": ["1"]}),
    "reference in lower case": (CONSUMER, {"id": ID.upper()}, {"id": ID}),
    "reference with a name beside": (CONSUMER, {"id": ID, "username": "x"}, {"id": ID}),
    "record with its defaults": (RECORD, {}, {"size": 3, "flag": None, "inner": {"name": "n"}}),
}


@pytest.mark.parametrize(("kind", "given", "kept"), ACCEPTED.values(), ids=ACCEPTED)
def test_keeps_what_it_accepts(kind: Kind, given: object, kept: object) -> None:
    assert kind.accept(given) == kept


REFUSED: dict[str, tuple[Kind, object, object]] = {
    "text as set": (SET, "a", "expected a set"),
    "object as list": (ListOf(elements=Text()), {}, "expected an array"),
    "second element": (SET, ["a", ""], [None, "length must be at least 1"]),
    "null element": (SET, [None, "a"], ["required field missing"]),
    "too few": (ListOf(elements=Text(), min_length=1), [], "length must be at least 1"),
    "checked as a whole": (ListOf(elements=Text(), checks=(lambda _: "no",)), [], "no"),
    "list as map": (HEADERS, [], "expected a map"),
    "bad name": (HEADERS, {"too-long": ["1"]}, {"too-long": "length must be at most 5"}),
    "bad value": (HEADERS, {"x": []}, {"x": "length must be at least 1"}),
    "list as record": (RECORD, [], "expected a record"),
    "unknown field": (RECORD, {"x": 1}, {"x": "unknown field"}),
    "null where required": (RECORD, {"size": None}, {"size": "required field missing"}),
    "nested": (RECORD, {"inner": {"name": 1}}, {"inner": {"name": "expected a string"}}),
    "reference as text": (CONSUMER, "bob", {"id": "missing primary key"}),
    "reference as number": (CONSUMER, 5, {"id": "missing primary key"}),
    "empty reference": (CONSUMER, {}, {"id": "missing primary key"}),
    "null id": (CONSUMER, {"id": None}, {"id": "required field missing"}),
    "bad id": (CONSUMER, {"id": "x"}, {"id": "expected a valid UUID"}),
    "id and more": (CONSUMER, {"id": ID, "foo": 1}, {"foo": "unknown field"}),
}


@pytest.mark.parametrize(("kind", "given", "why"), REFUSED.values(), ids=REFUSED)
def test_says_why_it_refuses(kind: Kind, given: object, why: object) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        kind.accept(given)
    assert refusal.value.why == why


INFERRED: dict[str, tuple[Kind, object, object]] = {
    "lone text": (SET, "a", ["a"]),
    "empty text": (SET, "", None),
    "texts": (ListOf(elements=Integer()), ["1", "x"], [1, "x"]),
    "no list": (SET, {"a": "b"}, {"a": "b"}),
    "map": (HEADERS, {"x": "1"}, {"x": ["1"]}),
    "empty map": (HEADERS, "", None),
    "record": (RECORD, {"size": "4", "odd": "5"}, {"size": 4, "odd": "5"}),
    "empty record": (RECORD, "", None),
    "reference": (CONSUMER, {"id": "", "username": "5"}, {"id": None, "username": "5"}),
    "empty reference": (CONSUMER, "", None),
}


@pytest.mark.parametrize(("kind", "given", "meant"), INFERRED.values(), ids=INFERRED)
def test_reads_forms_by_what_is_wanted(kind: Kind, given: object, meant: object) -> None:
    assert kind.infer(given) == meant


def test_changes_go_into_records_and_replace_lists() -> None:
    record = Record(
        {
            "inner": Field(kind=RECORD, doc=""),
            "tags": Field(kind=SET, doc=""),
        }
    )
    stored = {"inner": {"size": 1, "flag": True}, "tags": ["a", "b"]}
    changes = {"inner": {"size": 2}, "tags": ["c"]}
    assert record.merge(stored, changes) == {"inner": {"size": 2, "flag": True}, "tags": ["c"]}
