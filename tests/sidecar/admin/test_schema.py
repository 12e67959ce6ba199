"""Entities by their definition."""

from typing import Any

import pytest

from sidecar.admin import acls, consumers, key_auth_enc, plugins
from sidecar.admin.problems import ProblemError

BOB = "11111111-1111-4111-8111-111111111111"
NOW = 1_700_000_000


def new(**values: Any) -> dict[str, Any]:
    return consumers.SCHEMA.read_new(values, now=NOW)


def violations(problem: pytest.ExceptionInfo[ProblemError]) -> Any:
    assert problem.value.body is not None
    return problem.value.body["fields"]


def test_a_new_entity_has_every_field() -> None:
    entity = new(username="bob")
    assert list(entity) == ["id", "created_at", "updated_at", "username", "custom_id", "tags"]
    assert (entity["created_at"], entity["updated_at"]) == (NOW, NOW)
    assert len(entity["id"]) == 36


def test_what_is_filled_automatically_may_be_given() -> None:
    entity = new(username="bob", id=BOB, created_at=5)
    assert (entity["id"], entity["created_at"]) == (BOB, 5)


@pytest.mark.parametrize("updated_at", [5, "x", None, {}])
def test_the_time_of_the_write_may_not(updated_at: object) -> None:
    assert new(username="bob", updated_at=updated_at)["updated_at"] == NOW


def test_null_is_no_value_for_what_is_filled_automatically() -> None:
    values = {"consumer": {"id": BOB}, "key": None, "id": None, "created_at": None}
    entity = key_auth_enc.SCHEMA.read_new(values, now=NOW)
    assert len(entity["key"]) == 32
    assert entity["created_at"] == NOW


def test_all_violations_are_told_at_once() -> None:
    with pytest.raises(ProblemError) as problem:
        acls.SCHEMA.read_new({"group": "", "foo": 1, "tags": ["a", ""]}, now=NOW)
    assert violations(problem) == {
        "consumer": "required field missing",
        "group": "length must be at least 1",
        "foo": "unknown field",
        "tags": [None, "length must be at least 1"],
    }


def test_a_change_keeps_what_it_does_not_name() -> None:
    stored = new(username="bob", custom_id="7", tags=["a"])
    changed = consumers.SCHEMA.read_changed(stored, {"custom_id": None}, now=NOW + 9)
    assert changed == {**stored, "custom_id": None, "updated_at": NOW + 9}


@pytest.mark.parametrize("field", ["id", "created_at"])
def test_null_does_not_change_what_is_filled_automatically(field: str) -> None:
    stored = new(username="bob")
    assert consumers.SCHEMA.read_changed(stored, {field: None}, now=NOW) == stored


def test_a_change_cannot_empty_what_is_needed() -> None:
    with pytest.raises(ProblemError) as problem:
        consumers.SCHEMA.read_changed(new(username="bob"), {"username": None}, now=NOW)
    text = "at least one of these fields must be non-empty: 'custom_id', 'username'"
    assert violations(problem) == {"@entity": [f"when updating, {text}"]}


def test_an_id_cannot_be_changed_but_may_be_repeated() -> None:
    stored = new(username="bob", id=BOB)
    assert consumers.SCHEMA.read_changed(stored, {"id": BOB.upper()}, now=NOW) == stored
    with pytest.raises(ProblemError) as problem:
        consumers.SCHEMA.read_changed(stored, {"id": BOB.replace("1", "2")}, now=NOW)
    assert violations(problem) == {"id": "cannot be changed"}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "required field missing"),
        ({"name": 5}, "expected a string"),
        (
            {"name": "jwt"},
            "plugin 'jwt' not enabled; add it to the 'plugins' configuration property",
        ),
    ],
)
def test_without_its_variant_nothing_else_is_judged(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ProblemError) as problem:
        plugins.SCHEMA.specialise({**values, "foo": 1})
    assert violations(problem) == {"name": why}


def test_a_form_is_read_by_the_fields() -> None:
    form = {"username": "5", "created_at": "7", "tags": "a", "odd": "1"}
    assert consumers.SCHEMA.infer(form) == {
        "username": "5",
        "created_at": 7,
        "tags": ["a"],
        "odd": "1",
    }
