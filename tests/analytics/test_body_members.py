import sys

import pytest

from analytics.body_members import BodyMembers

JSON = "application/json; charset=utf-8"
MEMBERS: dict[str, tuple[str, str, str | None]] = {
    "text": ('{"a": "x"}', "a", "x"),
    "a number, however long": ('{"a": 9007199254740993}', "a", "9007199254740993"),
    "true": ('{"a": true}', "a", "true"),
    "null": ('{"a": null}', "a", None),
    "an object": ('{"a": {"b": [1]}}', "a", '{"b": ["1"]}'),
    "a nested member": ('{"a": {"b": "x"}}', "a.b", "x"),
    "a name with a dot": ('{"a.b": "x", "a": {"b": "y"}}', "a.b", "x"),
    "a path through a text": ('{"a": "x"}', "a.b", None),
    "no object": ("[1]", "a", None),
    "broken": ('{"a": ', "a", None),
    "a number that no float holds, beside": ('{"a": "x", "b": 1e999}', "a", "x"),
}


@pytest.mark.parametrize(("body", "name", "found"), MEMBERS.values(), ids=MEMBERS.keys())
def test_members_of_a_body_are_texts(body: str, name: str, found: str | None) -> None:
    assert BodyMembers(JSON, body.encode()).text(name) == found


def test_a_graphql_document_is_its_query() -> None:
    assert BodyMembers("application/graphql", b"{ items }").text("query") == "{ items }"


OTHERS: dict[str, tuple[str, bytes | None]] = {
    "no type": ("", b'{"a": 1}'),
    "text": ("text/plain", b'{"a": 1}'),
    "empty": (JSON, b""),
    "not there": (JSON, None),
    "no text": (JSON, b"\xff"),
    "too deep": (JSON, b"[" * 100_000),
}


@pytest.mark.parametrize(("content_type", "body"), OTHERS.values(), ids=OTHERS.keys())
def test_other_bodies_have_no_members(content_type: str, body: bytes | None) -> None:
    assert BodyMembers(content_type, body).text("a") is None


def from_below(frames: int, members: BodyMembers) -> str | None:
    """Ask with so many frames more on the stack."""
    return from_below(frames - 1, members) if frames else members.text("a")


def test_a_body_that_could_just_be_read_says_nothing_further_down_the_stack() -> None:
    depths = range(sys.getrecursionlimit() - 300, sys.getrecursionlimit())
    bodies = (b'{"a": ' + b"[" * depth + b"]" * depth + b"}" for depth in depths)
    found = [from_below(100, BodyMembers(JSON, body)) for body in bodies]
    assert found[0] is not None  # and none raised
