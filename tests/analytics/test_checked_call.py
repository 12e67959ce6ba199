from typing import Any

from analytics.checked_call import CheckedCall
from authsvc.request import Request


def call(*, trusts_headers: bool = False, **given: Any) -> CheckedCall:
    plain: dict[str, Any] = {
        "method": "GET",
        "path": "/a?b=c?d",
        "authority": "api.example.com",
        "client_address": "203.0.113.7",
    }
    return CheckedCall(Request(**(plain | given)), trusts_headers=trusts_headers)


def test_the_route_is_the_path_alone() -> None:
    assert call().route == "/a"
    assert call(path="/").route == "/"
    assert call(path="http://other/a?b").route == "/a"
    assert call(path="http://other").route == "/"


def test_an_address_in_a_path_is_a_part_of_it() -> None:
    assert call(path="/to/http://other/a").route == "/to/http://other/a"
    assert call(path="/to/http://other/a").uri == "http://api.example.com/to/http://other/a"


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
    assert (made.request_headers["a"], made.request_headers.get("c", "")) == ("1,2", "")
    assert dict(made.request_headers) == {"a": "1,2", "b": "\ufffd"}


def test_members_of_the_body_are_found() -> None:
    headers = (("content-type", b"application/json"),)
    assert call(headers=headers, body=b'{"a": "x"}').body_member("a") == "x"
    assert call(headers=headers).body_member("a") is None
