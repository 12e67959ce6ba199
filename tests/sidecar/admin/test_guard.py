"""Who may speak to the Admin API."""

import asyncio

import pytest

from sidecar.admin.cors import Origins
from sidecar.admin.guard import Guard
from sidecar.admin.problems import ProblemError
from sidecar.secret import Secret

TOKEN = "s3cret"
OPEN = Guard(None)
LOCKED = Guard(Secret(TOKEN))


def refusal(guard: Guard, method: str = "GET", **headers: str | tuple[str, ...]) -> int | None:
    """Return the status of the refusal, None if the request comes in."""
    named = {
        name.replace("_", "-"): value if isinstance(value, tuple) else (value,)
        for name, value in headers.items()
    }
    try:
        asyncio.run(guard.admit(method=method, scheme="http", headers=named))
    except ProblemError as problem:
        return problem.status
    return None


LOOPBACK = ["localhost", "LOCALHOST:8001", "localhost.", "127.0.0.1:1", "127.9.9.9", "[::1]:8001"]


@pytest.mark.parametrize("host", LOOPBACK)
def test_this_host_may_ask_by_any_of_its_names(host: str) -> None:
    assert refusal(OPEN, host=host) is None


REBOUND = [
    "evil.example",
    "evil.example:8001",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "127.0.0.1@evil.example",
    "localhost:8001:8001",
    "192.168.0.1",
    "0.0.0.0",
    "[::]",
    "[fe80::1]",
    "",
    " localhost",
    "localhost\\",
]


@pytest.mark.parametrize("host", REBOUND)
def test_a_rebound_name_may_not(host: str) -> None:
    assert refusal(OPEN, host=host) == 421


def test_a_host_is_needed_and_one_only() -> None:
    assert refusal(OPEN) == 421
    assert refusal(OPEN, host=("localhost", "evil.example")) == 421


def test_with_a_token_any_name_will_do() -> None:
    assert refusal(LOCKED, host="admin.example", authorization=f"Bearer {TOKEN}") is None


TOKENS = {
    "bearer": {"authorization": f"Bearer {TOKEN}"},
    "scheme in lower case": {"authorization": f"bearer  {TOKEN}"},
    "kong's header": {"kong_admin_token": TOKEN},
}


@pytest.mark.parametrize("headers", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_the_token_opens_every_method(method: str, headers: dict[str, str]) -> None:
    assert refusal(LOCKED, method, host="h", **headers) is None


NO_TOKENS = {
    "none": {},
    "another": {"authorization": "Bearer other"},
    "longer": {"authorization": f"Bearer {TOKEN}x"},
    "shorter": {"authorization": f"Bearer {TOKEN[:-1]}"},
    "empty": {"authorization": "Bearer "},
    "another scheme": {"authorization": f"Basic {TOKEN}"},
    "no scheme": {"authorization": TOKEN},
    "beyond ascii": {"kong_admin_token": "s3crét"},
    "bytes that are no text": {"kong_admin_token": "\udcff"},
}


@pytest.mark.parametrize("headers", NO_TOKENS.values(), ids=NO_TOKENS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD", "PURGE"])
def test_nothing_else_opens_any(method: str, headers: dict[str, str]) -> None:
    assert refusal(LOCKED, method, host="localhost", **headers) == 401


def test_the_refusal_asks_for_a_bearer_token_and_tells_none() -> None:
    guess = {"authorization": ("Bearer guess",)}
    with pytest.raises(ProblemError) as problem:
        asyncio.run(LOCKED.admit(method="GET", scheme="http", headers=guess))
    assert problem.value.headers == {"WWW-Authenticate": "Bearer"}
    assert problem.value.body == {"message": "A valid token is required"}


FOREIGN = {
    "another origin": {"origin": "http://evil.example"},
    "another port": {"origin": "http://localhost:3000"},
    "another scheme": {"origin": "https://localhost:8001"},
    "hidden origin": {"origin": "null"},
    "two origins": {"origin": ("http://localhost:8001", "http://evil.example")},
    "cross site": {"sec_fetch_site": "cross-site"},
    "same site": {"sec_fetch_site": "same-site"},
    "own origin, foreign site": {
        "origin": "http://localhost:8001",
        "sec_fetch_site": "cross-site",
    },
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_no_website_may_write(method: str, headers: dict[str, str]) -> None:
    token = {"authorization": f"Bearer {TOKEN}"}
    assert refusal(OPEN, method, host="localhost:8001", **headers) == 403
    assert refusal(LOCKED, method, host="localhost:8001", **headers, **token) == 403


def test_a_page_of_its_own_origin_may() -> None:
    own = {"host": "localhost:8001", "origin": "http://LOCALHOST:8001"}
    assert refusal(OPEN, "POST", **own, sec_fetch_site="same-origin") is None
    assert refusal(OPEN, "POST", host="localhost:8001", sec_fetch_site="none") is None


def test_reading_is_left_to_the_browsers_own_rules() -> None:
    assert refusal(OPEN, "GET", host="localhost", origin="http://evil.example") is None


PAGE = "https://admin.example"
WITH_PAGE = Guard(Secret(TOKEN), origins=Origins([PAGE]))


def test_a_page_of_a_configured_origin_may_write_with_a_token() -> None:
    asked = {"host": "h", "origin": PAGE, "sec_fetch_site": "cross-site"}
    assert refusal(WITH_PAGE, "POST", **asked, authorization=f"Bearer {TOKEN}") is None
    assert refusal(WITH_PAGE, "POST", **asked) == 401


def test_its_browser_may_ask_before_without_one() -> None:
    assert refusal(WITH_PAGE, "OPTIONS", host="h", origin=PAGE) is None
    assert refusal(WITH_PAGE, "OPTIONS", host="h", origin="https://evil.example") == 401
    assert refusal(WITH_PAGE, "GET", host="h", origin=PAGE) == 401
    assert refusal(Guard(None, origins=Origins([PAGE])), "OPTIONS", host="x", origin=PAGE) == 421


def test_a_configured_origin_is_no_pass_for_another_one_beside_it() -> None:
    two = {"host": "h", "origin": (PAGE, "https://evil.example")}
    assert refusal(WITH_PAGE, "POST", **two, authorization=f"Bearer {TOKEN}") == 403
