"""Errors in Kong's words."""

from sidecar.admin import problems


def test_one_violation_is_told_in_the_singular() -> None:
    problem = problems.schema_violation({"foo": "unknown field"})
    assert problem.status == 400
    assert problem.body == {
        "code": 2,
        "name": "schema violation",
        "message": "schema violation (foo: unknown field)",
        "fields": {"foo": "unknown field"},
    }


def test_violations_are_told_entity_first_then_by_name() -> None:
    problem = problems.schema_violation(
        {"key": "expected a string", "consumer": {"id": "wrong"}, "@entity": ["general", "other"]}
    )
    assert problem.body is not None
    assert problem.body["message"] == (
        "4 schema violations (general; other; consumer.id: wrong; key: expected a string)"
    )


def test_elements_are_counted_from_one_at_any_depth() -> None:
    problem = problems.schema_violation({"config": {"key_names": [None, "bad"]}})
    assert problem.body is not None
    assert problem.body["message"] == "schema violation (config.key_names.2: bad)"
    assert problem.body["fields"] == {"config": {"key_names": [None, "bad"]}}


def test_an_unknown_name_is_told_with_what_would_have_resolved_it() -> None:
    problem = problems.unresolved_reference("consumer", "username", "nope", "consumers")
    reason = (
        "the foreign key cannot be resolved with '{username=\"nope\"}' "
        "for an existing 'consumers' entity"
    )
    assert problem.body is not None
    assert problem.body["code"] == 13
    assert problem.body["fields"] == {"consumer": {"username": reason}}


def test_the_text_of_the_exception_says_nothing_of_its_cause() -> None:
    assert str(problems.unique_violation({"username": "bob"})) == "HTTP 409"
