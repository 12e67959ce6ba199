"""Kinds of single values."""

from typing import Any

import pytest

from sidecar.admin.kinds import (
    Boolean,
    Fixed,
    Integer,
    InvalidValueError,
    Kind,
    Number,
    Text,
    Timestamp,
    Uuid,
)

UPPER = "AAAAAAAA-0000-0000-0000-00000000000F"

ACCEPTED: dict[str, tuple[Kind, object, Any]] = {
    "text": (Text(), "123", "123"),
    "text, empty where that is fine": (Text(min_length=0), "", ""),
    "uuid of any version": (Uuid(), UPPER, UPPER.lower()),
    "integer": (Integer(), 5, 5),
    "integer as a float": (Integer(), 5.0, 5),
    "number": (Number(), 1.5, 1.5),
    "whole number": (Number(), 2.0, 2),
    "timestamp": (Timestamp(), 1, 1),
    "boolean": (Boolean(), False, False),
    "fixed": (Fixed(426), 426, 426),
}


@pytest.mark.parametrize(("kind", "given", "kept"), ACCEPTED.values(), ids=ACCEPTED)
def test_keeps_what_it_accepts(kind: Kind, given: object, kept: object) -> None:
    accepted = kind.accept(given)
    assert accepted == kept
    assert type(accepted) is type(kept)


REFUSED: dict[str, tuple[Kind, object, str]] = {
    "number as text": (Text(), 123, "expected a string"),
    "empty text": (Text(), "", "length must be at least 1"),
    "long text, in bytes": (Text(max_length=3), "ää", "length must be at most 3"),
    "text not of a list": (Text(one_of=("a", "b")), "c", "expected one of: a, b"),
    "checked text": (Text(checks=(lambda _: "no",)), "x", "no"),
    "no uuid": (Uuid(), "nope", "expected a valid UUID"),
    "empty uuid": (Uuid(), "", "expected a valid UUID"),
    "uuid with a line end": (Uuid(), UPPER + "\n", "expected a valid UUID"),
    "number as uuid": (Uuid(), 1, "expected a string"),
    "text as integer": (Integer(), "5", "expected an integer"),
    "fraction as integer": (Integer(), 1.5, "expected an integer"),
    "boolean as integer": (Integer(), True, "expected an integer"),
    "huge integer": (Integer(), 10**400, "expected an integer"),
    "infinite integer": (Integer(), float("inf"), "expected an integer"),
    "integer out of range": (Integer(between=(1, 9)), 10, "value should be between 1 and 9"),
    "integer not of a list": (Integer(one_of=(1, 2)), 3, "expected one of: 1, 2"),
    "text as number": (Number(), "1", "expected a number"),
    "not a number": (Number(), float("nan"), "expected a number"),
    "no time": (Timestamp(), 0, "expected a valid timestamp"),
    "far future": (Timestamp(), 10**12, "expected a valid timestamp"),
    "text as time": (Timestamp(), "1", "expected an integer"),
    "text as boolean": (Boolean(), "true", "expected a boolean"),
    "one as boolean": (Boolean(), 1, "expected a boolean"),
    "other than fixed": (Fixed(426), 301, "value must be 426"),
    "true for one": (Fixed(1), True, "value must be 1"),
    "anything for null": (Fixed(None), {"id": "x"}, "value must be null"),
    "other than a fixed text": (Fixed("v0"), "v1", "value must be v0"),
}


@pytest.mark.parametrize(("kind", "given", "why"), REFUSED.values(), ids=REFUSED)
def test_says_why_it_refuses(kind: Kind, given: object, why: str) -> None:
    with pytest.raises(InvalidValueError) as refusal:
        kind.accept(given)
    assert refusal.value.why == why


INFERRED: dict[str, tuple[Kind, object, object]] = {
    "text stays": (Text(), "123", "123"),
    "empty text": (Text(), "", None),
    "empty id": (Uuid(), "", None),
    "integer": (Integer(), "1e2", 100),
    "no integer": (Integer(), "ten", "ten"),
    "empty integer": (Integer(), "", None),
    "number": (Number(), "1.5", 1.5),
    "time": (Timestamp(), "5", 5),
    "true": (Boolean(), "true", True),
    "false": (Boolean(), "false", False),
    "yes": (Boolean(), "yes", "yes"),
    "empty boolean": (Boolean(), "", None),
    "fixed number": (Fixed(426), "426", 426),
    "fixed boolean": (Fixed(True), "true", True),
    "fixed null": (Fixed(None), "", None),
    "several texts": (Integer(), ["1", "2"], ["1", "2"]),
}


@pytest.mark.parametrize(("kind", "given", "meant"), INFERRED.values(), ids=INFERRED)
def test_reads_forms_by_what_is_wanted(kind: Kind, given: object, meant: object) -> None:
    inferred = kind.infer(given)
    assert inferred == meant
    assert type(inferred) is type(meant)
