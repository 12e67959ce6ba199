"""YAML means one thing, or is refused without being quoted."""

import pytest

from sidecar.strict_yaml import parse

CANARY = "canary4711"

BAD = {
    "not yaml": f"a: [{CANARY}",
    "a tag of its own": f"a: !!python/object/apply:os.system ['{CANARY}']",
    "an alias of nothing": f"a: *{CANARY}",
    "two documents": f"a: 1\n--- {CANARY}\n",
    "a name twice": f"a: {CANARY}\na: {CANARY}\n",
    "a name twice within": f"a: {{b: {CANARY}, b: 2}}",
    "a mapping as a name": f"{{a: 1}}: {CANARY}",
    "no number": f"a: !!int {CANARY}",
    "a date that is none": "a: 2026-13-45",
    "a value where a name belongs, twice": f"{CANARY}://x: 1\n{CANARY}://x: 2\n",
}


def test_json_is_yaml() -> None:
    assert parse('{"a": {"b": [1, true, null]}}') == {"a": {"b": [1, True, None]}}


@pytest.mark.parametrize("case", BAD)
def test_anything_else_is_refused_without_being_quoted(case: str) -> None:
    with pytest.raises(ValueError, match=r"is not valid YAML|twice") as caught:
        parse(BAD[case])
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_document_that_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="is nested too deeply"):
        parse("[" * 5000)


def test_the_error_says_where() -> None:
    with pytest.raises(ValueError, match=r"\(line 2, column 1\)"):
        parse("a: 1\n]")


def test_names_that_are_used_again_elsewhere_are_fine() -> None:
    assert parse("a: {x: 1}\nb: {x: 2}") == {"a": {"x": 1}, "b": {"x": 2}}
