from analytics.bodies.captured import CapturedBody
from analytics.logged_call import LoggedCall
from tests.fakes.records import record


def call(*, trusts_headers: bool = False, **members: object) -> LoggedCall:
    return LoggedCall(record(**members), trusts_headers=trusts_headers)


def test_the_route_is_what_the_client_asked_without_the_query() -> None:
    assert call(path="/a?b").route == "/a"
    assert call(path="/inner", original_path="/a?b").route == "/a"
    assert call(path="http://host/a?b").route == "/a"
    assert call(path="/to/http://host/a").route == "/to/http://host/a"


def test_the_uri_is_whole() -> None:
    assert call(path="/a?b").uri == "https://api.example.com/a?b"
    assert call(path="http://host/a").uri == "http://host/a"
    assert call(path="/to/http://host/a").uri == "https://api.example.com/to/http://host/a"


def test_the_address_is_envoys_unless_headers_are_trusted() -> None:
    forwarded = {"x-forwarded-for": "198.51.100.1"}
    assert call(request_headers=forwarded).address == "203.0.113.5"
    assert call(request_headers=forwarded, trusts_headers=True).address == "198.51.100.1"
    assert call(client_address="").address is None


def test_what_was_not_logged_is_not_there() -> None:
    empty = call(method="", status=None)
    assert (empty.verb, empty.status, empty.header("a"), empty.body_member("a")) == (None,) * 4


def test_what_was_logged_is_there() -> None:
    full = call(method="PUT", status=404, request_headers={"a": "b"})
    assert (full.verb, full.status, full.header("a")) == ("PUT", 404, "b")


def test_members_of_a_body_that_envoy_showed_are_found() -> None:
    def body_member(encoding: str) -> str | None:
        body = CapturedBody(b'{"a": 1}', "application/json", encoding)
        return LoggedCall(record(), trusts_headers=False, body=body).body_member("a")

    assert body_member("") == "1"
    assert body_member("gzip") is None
