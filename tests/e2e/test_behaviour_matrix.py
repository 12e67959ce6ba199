"""What odd requests come to, behind Envoy as `envoy-config` sets it up and as others may.

Rows are in the order of the matrix that they were first measured for. Where a row has one outcome,
it is that of every side; where it has two, the second is that of Envoy with its defaults.
"""

import asyncio
import json
import secrets
from typing import NamedTuple

import pytest

from tests.clients import raw_http2
from tests.fakes.outcomes import ask_all, identity, identity_of, outcome
from tests.fakes.sides import HARD, HARD_HTTP, SIDES, Sides
from tests.fakes.stack import Stack

NO_KEY, WRONG, TWICE, BAD = (
    "No API key found in request",
    "Unauthorized",
    "Duplicate API key found",
    "Bad request",
)


class Row(NamedTuple):
    """What is sent (KEY stands for a valid key), and what comes of it.

    That is the target which the upstream saw, the message of a denial, or a bare status.
    """

    lines: tuple[str | bytes, ...]
    outcome: str
    plain: str = ""


ROWS = {
    "two keys": Row(("GET /", "apikey: KEY", "apikey: evil"), TWICE),
    "the same key twice": Row(("GET /", "apikey: KEY", "Apikey: KEY"), TWICE),
    "an empty key first": Row(("GET /", "apikey:", "apikey: KEY"), TWICE),
    "a key between blanks": Row(("GET /", "apikey:  \t KEY \t "), "/"),
    "bytes that are no text": Row(("GET /", b"apikey: KEY\xff\xfe"), WRONG),
    "NUL in a value": Row(("GET /", "apikey: KEY", "x-a: a\0b"), "400"),
    "a control character in a value": Row(("GET /", "apikey: KEY", "x-a: a\x01b"), "400"),
    "an escape sequence in a value": Row(("GET /", "apikey: KEY", "user-agent: \x1b[31m"), "400"),
    "a key on two lines": Row(("GET /", "apikey: K", " EY"), WRONG),
    "a key on the second line": Row(("GET /", "apikey:", " KEY"), "/"),
    "identity in capitals": Row(("GET /", "apikey: KEY", "X-CONSUMER-USERNAME: evil"), "/"),
    "identity with underscores": Row(("GET /", "apikey: KEY", "X_Consumer_Username: evil"), "/"),
    "identity with one underscore": Row(("GET /", "apikey: KEY", "X-Consumer_Id: evil"), "/"),
    "identity on two lines": Row(
        ("GET /", "apikey: KEY", "x-consumer-id: evil", "x-consumer-id: evil"), "/"
    ),
    "identity of a kind that is not set": Row(
        ("GET /", "apikey: KEY", "x-consumer-groups: evil", "x-anonymous-consumer: evil"), "/"
    ),
    "a key that Connection takes away": Row(
        ("GET /", "Connection: close, apikey", "apikey: KEY"), NO_KEY
    ),
    "identity that Connection takes away": Row(
        ("GET /", "apikey: KEY", "Connection: x-consumer-id", "x-consumer-id: evil"), "/"
    ),
    "two keys in the query": Row(("GET /?apikey=KEY&apikey=KEY",), TWICE),
    "two keys in the query to hide": Row(
        ("GET /hiding?apikey=KEY&a=1&apikey=b", "apikey: KEY"), "/hiding?a=1"
    ),
    "another spelling in the query": Row(("GET /hiding?%61pikey=KEY&%62=%20",), "/hiding?%62=%20"),
    "a semicolon in the query": Row(("GET /?x=1;apikey=KEY",), NO_KEY),
    "a question mark in the query": Row(("GET /?x=1?apikey=KEY",), NO_KEY),
    "a fragment": Row(("GET /?apikey=KEY#a",), "400"),
    "dots in the path": Row(("GET /header-only/../hiding?apikey=KEY",), "/hiding", NO_KEY),
    "escaped dots in the path": Row(
        ("GET /header-only/%2e%2e/hiding?apikey=KEY",), "/hiding", NO_KEY
    ),
    "two slashes in the path": Row(
        ("GET //hiding//a?apikey=KEY",), "/hiding/a", "//hiding//a?apikey=KEY"
    ),
    "backslashes in the path": Row((r"GET /header-only\..\hiding?apikey=KEY",), "/hiding", NO_KEY),
    "escaped slashes in the path": Row(("GET /header-only%2F..%2Fhiding?apikey=KEY",), NO_KEY),
    "two hosts": Row(("GET /", "Host: a.test", "Host: hosted.test", "apikey: KEY"), BAD),
    "two hosts in one": Row(("GET /", "Host: hosted.test,a.test", "apikey: KEY"), BAD),
    "a host between blanks": Row(("GET /", "Host: \t hosted.test  ", "own: KEY"), "/"),
    "a host in the target": Row(("GET http://hosted.test/a?own=KEY", "Host: a.test"), "/a?own=KEY"),
    "a long key": Row(("GET /", "apikey: KEY" + "k" * 59_000), WRONG),
    "a longer key": Row(("GET /", "apikey: KEY" + "k" * 62_000), "431"),
    "more than a hundred headers": Row(
        ("GET /", "apikey: KEY", *(f"x-{number}: 1" for number in range(101))), "431"
    ),
    "CONNECT": Row(("CONNECT a.test:443", "apikey: KEY"), "404"),
    "a path of one's own": Row(("GET /a", "apikey: KEY", "x-tollkeeper-path: /admin"), "/a"),
    "a route of one's own": Row(("GET /a", "x-tollkeeper-route: guests"), NO_KEY),
    "an answer of one's own": Row(
        ("GET /a", "x-consumer-id: evil", "x-envoy-auth-headers-to-remove: apikey"), NO_KEY
    ),
    "a partial body of one's own": Row(
        ("GET /a", "apikey: KEY", "x-envoy-auth-partial-body: true"), "/a"
    ),
}


@pytest.mark.parametrize("name", ROWS)
async def test_a_request_comes_to_what_it_should_on_every_side(
    stack: Stack, sides: Sides, name: str
) -> None:
    row, key = ROWS[name], await stack.new_key()

    answers = await ask_all(sides, row.lines, key)

    found = {side: outcome(answer, key) for side, answer in answers.items()}
    expected = dict.fromkeys(SIDES, row.plain or row.outcome)
    assert found == expected | {HARD: row.outcome, HARD_HTTP: row.outcome}
    identities = [identity(sighting) for _, sighting in answers.values() if sighting]
    assert all(one == identity_of(key) for one in identities), identities


async def test_only_raw_headers_tell_a_byte_that_is_no_text_from_a_mark(
    stack: Stack, sides: Sides
) -> None:
    key = await stack.new_key(key=f"{secrets.token_hex(16)}!!")

    sent = b"apikey: " + key.text.removesuffix("!!").encode() + b"\xff\xfe"
    answers = await ask_all(sides, ["GET /", sent], key)

    # With its defaults Envoy puts the marks in itself: who knows such a key can spell it twice.
    found = {side: outcome(answer, key) for side, answer in answers.items()}
    assert found == dict.fromkeys(SIDES, "/") | {HARD: WRONG, HARD_HTTP: WRONG}


LET_THROUGH, KILLED = "let through", "killed"

HTTP2_ROWS = {
    "one key": (((b"apikey", b"KEY"),), (), LET_THROUGH),
    "two keys": (((b"apikey", b"KEY"), (b"apikey", b"KEY")), (), TWICE),
    "a key between blanks, as over HTTP/1": (((b"apikey", b"  KEY \t"),), (), LET_THROUGH),
    "two paths": (((b"apikey", b"KEY"),), ((b":path", b"/x"),), KILLED),
    "a name in capitals": (((b"Apikey", b"KEY"),), (), KILLED),
    "a blank in a name": (((b"api key", b"KEY"),), (), KILLED),
    "a line end in a name": (((b"api\nkey", b"KEY"),), (), KILLED),
    "a line end in a value": (((b"apikey", b"KEY"), (b"x-a", b"a\r\nb: c")), (), KILLED),
    "NUL in a value": (((b"apikey", b"KEY"), (b"x-a", b"a\0b")), (), KILLED),
    "Connection": (((b"connection", b"apikey"), (b"apikey", b"KEY")), (), KILLED),
}


@pytest.mark.parametrize("name", HTTP2_ROWS)
async def test_an_http2_request_comes_to_the_same_on_every_side(
    stack: Stack, sides: Sides, name: str
) -> None:
    headers, also, expected = HTTP2_ROWS[name]
    key = await stack.new_key()
    filled = [(field, value.replace(b"KEY", key.text.encode())) for field, value in headers]

    bodies = await asyncio.gather(
        *(raw_http2.ask(sides.ports[side], "/", *filled, also=also) for side in SIDES)
    )

    assert [_outcome_of(body) for body in bodies] == [expected] * len(SIDES)


def _outcome_of(body: bytes | None) -> str:
    if body is None:
        return KILLED
    return LET_THROUGH if body.isdigit() else str(json.loads(body)["message"])
