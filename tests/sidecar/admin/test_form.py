"""Names of form fields as paths."""

import pytest

from sidecar.admin.form import nest

SPELLED = {
    "plain": ([("a", "1"), ("b", "2")], {"a": "1", "b": "2"}),
    "repeated": ([("a", "1"), ("a", "2")], {"a": ["1", "2"]}),
    "no value": ([("a", None)], {"a": True}),
    "member": ([("a.b", "1"), ("a.c", "2")], {"a": {"b": "1", "c": "2"}}),
    "member in brackets": ([("a[b]", "1")], {"a": {"b": "1"}}),
    "list": ([("a[]", "1"), ("a[]", "2")], {"a": ["1", "2"]}),
    "list of one": ([("a[]", "1")], {"a": ["1"]}),
    "places": ([("a[2]", "2"), ("a[1]", "1")], {"a": ["1", "2"]}),
    "places with gaps": ([("a[999999]", "2"), ("a[5]", "1")], {"a": ["1", "2"]}),
    "place beyond any list": ([("a[1000000]", "1")], {"a": {"1000000": "1"}}),
    "records in places": ([("a[1].b", "1"), ("a[1].c", "2")], {"a": [{"b": "1", "c": "2"}]}),
    "list in an object": ([("a.b[1]", "1")], {"a": {"b": ["1"]}}),
    "texts and places": ([("a", "1"), ("a[1]", "2")], {"a": ["1", "2"]}),
    "text and object": ([("a", "1"), ("a.b", "2")], {"a": ["1", {"b": "2"}]}),
    "dot at the end": ([("a.", "1")], {"a.": "1"}),
    "dot alone": ([(".", "1")], {".": "1"}),
    "open bracket": ([("a[", "1")], {"a[": "1"}),
    "bracket first": ([("[a]", "1")], {"[a]": "1"}),
    "too deep": ([(".".join("a" * 17), "1")], {".".join("a" * 17): "1"}),
    "too deep in brackets": ([("a" + "[b]" * 16, "1")], {"a" + "[b]" * 16: "1"}),
}


@pytest.mark.parametrize(("pairs", "spelled"), SPELLED.values(), ids=SPELLED)
def test_spells_an_object(pairs: list[tuple[str, str | None]], spelled: object) -> None:
    assert nest(pairs) == spelled


def test_a_million_levels_are_one_name() -> None:
    name = "a." * 1_000_000 + "a"
    assert nest([(name, "1")]) == {name: "1"}
