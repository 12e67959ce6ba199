"""Keys in bearer tokens and cookies, as clients send them through real Envoys."""

from typing import NamedTuple

import pytest

from tests.fakes.outcomes import ask_all, outcome
from tests.fakes.sides import SIDES, Sides
from tests.fakes.stack import Stack

NO_KEY, WRONG, TWICE = (
    "No API key found in request",
    "Unauthorized",
    "Duplicate API key found",
)


class Row(NamedTuple):
    """What is sent, what comes of it, and what the upstream sees of the header with the key."""

    lines: tuple[str, ...]
    outcome: str
    header: str
    left: tuple[str, ...] = ()


BEARER, COOKIE = "authorization", "cookie"

ROWS = {
    "a bearer token": Row(("GET /bearers", "Authorization: Bearer KEY"), "/bearers", BEARER),
    "its scheme in any case": Row(
        ("GET /bearers", "Authorization: bEARER   KEY"), "/bearers", BEARER
    ),
    "a wrong bearer token": Row(("GET /bearers", "Authorization: Bearer x"), WRONG, BEARER),
    "an empty bearer token": Row(("GET /bearers", "Authorization: Bearer "), NO_KEY, BEARER),
    "another scheme": Row(("GET /bearers", "Authorization: Basic KEY"), NO_KEY, BEARER),
    "a scheme that only begins so": Row(
        ("GET /bearers", "Authorization: BearerX KEY"), NO_KEY, BEARER
    ),
    "two bearer tokens": Row(
        ("GET /bearers", "Authorization: Bearer KEY", "Authorization: Bearer x"), TWICE, BEARER
    ),
    "a key beside another scheme": Row(
        ("GET /bearers", "Authorization: Basic a", "apikey: KEY"), "/bearers", BEARER, ("Basic a",)
    ),
    "a key beside both": Row(
        ("GET /bearers", "Authorization: Basic a", "Authorization: Bearer x", "apikey: KEY"),
        "/bearers",
        BEARER,
    ),
    "a key beside a bearer token": Row(
        ("GET /bearers", "Authorization: Bearer x", "apikey: KEY"), "/bearers", BEARER
    ),
    "a wrong key beside a bearer token": Row(
        ("GET /bearers", "Authorization: Bearer KEY", "apikey: x"), WRONG, BEARER
    ),
    "a bearer token where none is looked for": Row(
        ("GET /", "Authorization: Bearer KEY"), NO_KEY, BEARER
    ),
    "a bearer token that is none of ours": Row(
        ("GET /", "Authorization: Bearer x", "apikey: KEY"), "/", BEARER, ("Bearer x",)
    ),
    "a cookie": Row(
        ("GET /cookies", "Cookie: a=1; apikey=KEY; b=2"), "/cookies", COOKIE, ("a=1; b=2",)
    ),
    "a cookie alone": Row(("GET /cookies", "Cookie: apikey=KEY"), "/cookies", COOKIE),
    "a cookie in quotes": Row(("GET /cookies", 'Cookie: apikey="KEY"'), "/cookies", COOKIE),
    "a wrong cookie": Row(("GET /cookies", "Cookie: apikey=x"), WRONG, COOKIE),
    "a cookie with another name": Row(("GET /cookies", "Cookie: xapikey=KEY"), NO_KEY, COOKIE),
    "two cookies": Row(("GET /cookies", "Cookie: apikey=KEY; apikey=x"), TWICE, COOKIE),
    "two cookies on two lines": Row(
        ("GET /cookies", "Cookie: apikey=KEY", "Cookie: apikey=x"), TWICE, COOKIE
    ),
    "a key beside a cookie on another line": Row(
        ("GET /cookies", "Cookie: a=1", "Cookie: apikey=x; b=2", "apikey: KEY"),
        "/cookies",
        COOKIE,
        ("a=1; b=2",),
    ),
    "a key beside a cookie": Row(
        ("GET /cookies", "Cookie: apikey=x; a=1", "apikey: KEY"), "/cookies", COOKIE, ("a=1",)
    ),
    "a cookie where none is looked for": Row(("GET /", "Cookie: apikey=KEY"), NO_KEY, COOKIE),
    "cookies that are none of ours": Row(
        ("GET /cookies", "Cookie:  a=1;b=2;;c ", "apikey: KEY"), "/cookies", COOKIE, ("a=1;b=2;;c",)
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_key_is_found_where_it_may_be_and_goes_no_further(
    stack: Stack, sides: Sides, name: str
) -> None:
    row, key = ROWS[name], await stack.new_key()

    answers = await ask_all(sides, row.lines, key)

    found = {side: outcome(answer, key) for side, answer in answers.items()}
    assert found == dict.fromkeys(SIDES, row.outcome)
    left = [tuple(sighting.values(row.header)) for _, sighting in answers.values() if sighting]
    assert set(left) <= {row.left}
