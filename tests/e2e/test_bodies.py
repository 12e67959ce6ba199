"""Keys in bodies, and what the upstream sees of the bodies: to the byte."""

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.fakes.outcomes import ask_all, outcome
from tests.fakes.sides import HARD, HARD_HTTP, PLAIN, Sides
from tests.fakes.stack import Stack

NO_KEY, WRONG, TWICE = (
    "No API key found in request",
    "Unauthorized",
    "Duplicate API key found",
)
ASKED = (HARD, PLAIN, HARD_HTTP)  # the fourth asks the same as the third

FORM = "Content-Type: application/x-www-form-urlencoded"
JSON = "Content-Type: application/json; charset=utf-8"
MULTIPART = 'Content-Type: multipart/form-data; boundary="b-1"'
TEXT = "Content-Type: text/plain"
HEADER = "apikey: KEY"
CHUNKED = "Transfer-Encoding: chunked"
BODIES, OPEN = "/bodies", "/"

FIELD = b'--b-1\r\nContent-Disposition: form-data; name="apikey"\r\n\r\nKEY\r\n'
FILE = (
    b'--b-1\r\ncontent-disposition: form-data; name="f"; filename="\xc3\xbc.bin"\r\n'
    b"X-Own: 1\r\n\r\n\x00\xff\r\n--b-\r\n--b-1--\r\n"
)


class Row(NamedTuple):
    """What is posted, what comes of it, and the body that arrives (None: none does)."""

    lines: tuple[str, ...]
    body: bytes
    outcome: str
    arrives: bytes | None = None


def pad(kibibytes: int, *, before: bytes = b"", after: bytes = b"") -> bytes:
    """Return a body of this size in which something stands first, and something last."""
    return before + b"x" * (kibibytes * 1024 - len(before) - len(after)) + after


SMALL = {
    "form": Row((FORM,), b"z=%7e&apikey=KEY&a=+1&&b", BODIES, b"z=%7e&a=+1&&b"),
    "form, every spelling": Row((FORM, HEADER), b"%61pikey=1&apikey&a=1", BODIES, b"a=1"),
    "form, nothing left": Row((FORM,), b"apikey=KEY", BODIES, b""),
    "form, bytes that are no text": Row((FORM,), b"a=\xff\xfe&apikey=KEY", BODIES, b"a=\xff\xfe"),
    "json": Row(
        (JSON,),
        b'{ "n": 1.0e+2,\n\t"apikey" :"KEY", "d": {"apikey":"KEY"}, "n": 1 } \n',
        BODIES,
        b'{ "n": 1.0e+2, "d": {"apikey":"KEY"}, "n": 1 } \n',
    ),
    "json, an escaped name": Row((JSON,), b'{"\\u0061pikey":"KEY"}', BODIES, b"{}"),
    "json, twice": Row((JSON,), b'{"apikey":"KEY","apikey":"KEY"}', TWICE),
    "json, a list": Row((JSON,), b'{"apikey":["KEY"]}', TWICE),
    "json, broken": Row((JSON,), b'{"apikey":"KEY"', NO_KEY),
    "json, deep": Row((JSON,), b'{"apikey":"KEY","d":' + b"[" * 3000, NO_KEY),
    "multipart": Row((MULTIPART,), FIELD + FILE, BODIES, FILE),
    "multipart, last": Row(
        (MULTIPART,), FILE.removesuffix(b"--b-1--\r\n") + FIELD + b"--b-1--\r\n", BODIES, FILE
    ),
    "multipart, never ended": Row((MULTIPART,), FIELD, NO_KEY),
    "another type": Row((TEXT,), b"apikey=KEY", NO_KEY),
    "no type": Row((), b"apikey=KEY", NO_KEY),
    "where none is looked for": Row((FORM,), b"apikey=KEY", NO_KEY),
    "wrong": Row((FORM,), b"apikey=x", WRONG),
    "empty hides the header's": Row((FORM, "apikey:"), b"apikey=KEY", NO_KEY),
    "no key in it": Row((FORM, HEADER), b"z=%7e&a=+1&&b", BODIES, b"z=%7e&a=+1&&b"),
    "in chunks": Row(
        (FORM, CHUNKED),
        b"5\r\na=%7e\r\n8\r\n&apikey=\r\n20\r\nKEY\r\n4;x=y\r\n&b=2\r\n0\r\nx-trailer: 1\r\n\r\n",
        BODIES,
        b"a=%7e&b=2",
    ),
}
TARGETS = {"where none is looked for": OPEN}

LARGE = {
    "30 KiB, key in it": Row((FORM,), pad(30, before=b"apikey=KEY&a="), NO_KEY),
    "30 KiB, no key": Row((FORM,), pad(30, before=b"a="), NO_KEY),
    "30 KiB, copy first": Row(
        (FORM, HEADER),
        pad(30, before=b"apikey=c&a="),
        BODIES,
        pad(30, before=b"apikey=c&a=").removeprefix(b"apikey=c&"),
    ),
    "30 KiB, copy last": Row(
        (JSON, HEADER),
        pad(30, before=b'{"a":"', after=b'","apikey":"c"}'),
        BODIES,
        pad(30, before=b'{"a":"', after=b'","apikey":"c"}').replace(b',"apikey":"c"', b""),
    ),
    "1 MiB, no key": Row((FORM,), pad(1024, before=b"a="), NO_KEY),
    "1 MiB, form": Row((FORM, HEADER), pad(1024, before=b"a="), BODIES, pad(1024, before=b"a=")),
    "1 MiB, json": Row(
        (JSON, HEADER),
        pad(1024, before=b'{"a":"', after=b'"}'),
        BODIES,
        pad(1024, before=b'{"a":"', after=b'"}'),
    ),
    "1 MiB, multipart": Row(
        (MULTIPART, HEADER),
        pad(1024, before=FILE.removesuffix(b"--b-1--\r\n"), after=b"\r\n--b-1--\r\n"),
        BODIES,
        pad(1024, before=FILE.removesuffix(b"--b-1--\r\n"), after=b"\r\n--b-1--\r\n"),
    ),
    "1 MiB, text": Row((TEXT, HEADER), pad(1024), BODIES, pad(1024)),
    "1 MiB, copy of the key": Row(
        (JSON, HEADER),
        pad(1024, before=b'{"apikey":"c","a":"', after=b'"}'),
        "Request body too large to hide its credential",
    ),
    "1 MiB, elsewhere": Row((FORM, HEADER), pad(1024, before=b"a="), OPEN, pad(1024, before=b"a=")),
    "1 MiB, elsewhere, no key": Row((FORM,), pad(1024, before=b"a="), NO_KEY),
}
TARGETS |= {"1 MiB, elsewhere": OPEN, "1 MiB, elsewhere, no key": OPEN}
ROWS = SMALL | LARGE


@pytest.mark.parametrize("name", ROWS)
async def test_a_body_arrives_without_its_key_and_else_as_it_was_sent(
    stack: Stack, sides: Sides, name: str
) -> None:
    row, key = ROWS[name], await stack.new_key()
    lines = [f"POST {TARGETS.get(name, BODIES)}", *row.lines]

    answers = await ask_all(sides, lines, key, body=row.body, of=ASKED)

    found = {side: outcome(answer, key) for side, answer in answers.items()}
    assert found == dict.fromkeys(ASKED, row.outcome)
    expected = row.arrives and row.arrives.replace(b"KEY", key.text.encode())
    for side, (_, sighting) in answers.items():
        assert sighting is None or sighting.body == expected, side


@pytest.mark.parametrize("size", [8192, 8193])
async def test_a_key_is_read_from_bodies_of_up_to_8_kib(
    stack: Stack, sides: Sides, size: int
) -> None:
    key = await stack.new_key()
    begin = b"apikey=" + key.text.encode() + b"&a="

    answers = await ask_all(
        sides, [f"POST {BODIES}", FORM], key, body=begin + b"x" * (size - len(begin)), of=ASKED
    )

    expected = {BODIES} if size == 8192 else {NO_KEY}
    assert {outcome(answer, key) for answer in answers.values()} == expected


def chunks(body: bytes, size: int) -> Iterable[bytes]:
    for start in range(0, len(body), size):
        piece = body[start : start + size]
        yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"


@pytest.mark.parametrize("kibibytes", [4, 30, 1024])
async def test_chunks_of_any_number_arrive_whole(
    stack: Stack, sides: Sides, kibibytes: int
) -> None:
    key, body = await stack.new_key(), pad(kibibytes, before=b"a=")
    sent = b"".join(chunks(body, 1000))

    answers = await ask_all(
        sides, [f"POST {BODIES}", FORM, CHUNKED, HEADER], key, body=sent, of=ASKED
    )

    assert {
        side: sighting and sighting.body == body for side, (_, sighting) in answers.items()
    } == (dict.fromkeys(ASKED, True))


async def test_no_client_says_that_a_body_is_whole(stack: Stack, sides: Sides) -> None:
    key = await stack.new_key()
    sent = b"".join(chunks(pad(30, before=b"apikey=" + key.text.encode() + b"&a="), 1000))
    lines = [f"POST {BODIES}", FORM, CHUNKED, "x-envoy-auth-partial-body: false"]

    answers = await ask_all(sides, lines, key, body=sent, of=ASKED)

    assert {outcome(answer, key) for answer in answers.values()} == {NO_KEY}
