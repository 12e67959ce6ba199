from typing import Any

import pytest

from analytics.checked_call import CheckedCall, read_members
from analytics.record import Verdict


def call(**given: Any) -> CheckedCall:
    plain: dict[str, Any] = {
        "method": "GET",
        "path": "/a?b=c?d",
        "authority": "api.example.com",
        "headers": (),
        "body": None,
        "client_address": "203.0.113.7",
        "verdict": Verdict(),
    }
    return CheckedCall(**(plain | given))


def test_the_route_is_the_path_alone() -> None:
    assert call().route == "/a"
    assert call(path="/").route == "/"


def test_the_uri_is_whole() -> None:
    assert call().uri == "http://api.example.com/a?b=c?d"
    https = (("x-forwarded-proto", b"https"),)
    assert call(headers=https).uri == "https://api.example.com/a?b=c?d"
    assert call(headers=((":scheme", b"https"),)).uri == "https://api.example.com/a?b=c?d"
    assert call(path="http://other/a").uri == "http://other/a"


def test_the_address_is_envoys_unless_headers_are_trusted() -> None:
    forwarded = (("x-forwarded-for", b"198.51.100.1"),)
    assert call(headers=forwarded).address == "203.0.113.7"
    assert call(headers=forwarded, trusts_headers=True).address == "198.51.100.1"
    assert call(client_address=None).address is None


def test_headers_are_found_by_name_and_repeated_ones_joined() -> None:
    headers = (("a", b"1"), ("b", b"\xff"), ("a", b"2"))
    made = call(headers=headers)
    assert (made.header("a"), made.header("b"), made.header("c")) == ("1,2", "\ufffd", None)
    assert dict(made.request_headers) == {"a": "1,2", "b": "\ufffd"}


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
    headers = (("content-type", JSON.encode()),)
    assert call(headers=headers, body=body.encode()).body_member(name) == found


def test_a_graphql_document_is_its_query() -> None:
    assert read_members("application/graphql", b"{ items }") == {"query": "{ items }"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [("", b'{"a": 1}'), ("text/plain", b'{"a": 1}'), (JSON, b""), (JSON, None), (JSON, b"\xff"),
     (JSON, b"[" * 100_000)],
)  # fmt: skip
def test_other_bodies_have_no_members(content_type: str, body: bytes | None) -> None:
    assert read_members(content_type, body) == {}
