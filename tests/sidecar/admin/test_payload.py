"""Bodies as objects."""

import pytest

from sidecar.admin.payload import Payload, check_content_type, decode_payload
from sidecar.admin.problems import ProblemError

MULTIPART = "multipart/form-data; boundary=XX"


def part(name: str, value: str, more: str = "") -> str:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


SPELLED = {
    "json": ("application/json", b'{"a": [1, null]}', Payload({"a": [1, None]})),
    "json, last of equals": ("application/json", b'{"a": 1, "a": 2}', Payload({"a": 2})),
    "json with a charset": ("Application/JSON; charset=utf-8", b"{}", Payload()),
    "urlencoded": (
        "application/x-www-form-urlencoded",
        b"a=1&b.c=%20",
        Payload({"a": "1", "b": {"c": " "}}, is_form=True),
    ),
    "empty urlencoded": ("application/x-www-form-urlencoded", b"", Payload(is_form=True)),
    "multipart": (
        MULTIPART,
        (part("a", "1") + part("t[1]", "x") + "--XX--\r\n").encode(),
        Payload({"a": "1", "t": ["x"]}, is_form=True),
    ),
    "file": (
        MULTIPART,
        (part("a", "text", '; filename="f.txt"') + "--XX--\r\n").encode(),
        Payload({"a": "text"}, is_form=True),
    ),
    "empty multipart, no boundary": ("multipart/form-data", b"", Payload(is_form=True)),
    "nothing at all": (None, b"", Payload()),
}


@pytest.mark.parametrize(("kind", "body", "payload"), SPELLED.values(), ids=SPELLED)
def test_reads_what_a_body_spells(kind: str | None, body: bytes, payload: Payload) -> None:
    check_content_type(kind, has_body=bool(body))
    assert decode_payload(kind, body) == payload


NOT_JSON = {"message": "Cannot parse JSON body"}
NOT_MULTIPART = {"message": "Cannot parse multipart body"}
NOT_UTF8 = {"message": "The body is not valid UTF-8"}
REFUSED = {
    "empty json": ("application/json", b"", NOT_JSON),
    "half of json": ("application/json", b'{"a": 1', NOT_JSON),
    "list": ("application/json", b"[1]", NOT_JSON),
    "text": ("application/json", b'"a"', NOT_JSON),
    "null": ("application/json", b"null", NOT_JSON),
    "deep json": ("application/json", b'{"a":' * 5000, NOT_JSON),
    "half a character": ("application/json", b'{"a": "\\ud800"}', NOT_JSON),
    "no boundary": ("multipart/form-data", b"x", NOT_MULTIPART),
    "no parts": (MULTIPART, b"garbage", NOT_MULTIPART),
    "open end": (MULTIPART, part("a", "1").encode(), NOT_MULTIPART),
    "form that is no utf-8": ("application/x-www-form-urlencoded", b"a=%FF", NOT_UTF8),
    "part that is no utf-8": (
        MULTIPART,
        part("a", "?").encode().replace(b"?", b"\xff") + b"--XX--\r\n",
        NOT_UTF8,
    ),
    "parts without end": (
        MULTIPART,
        (part("a", "1") * 1001 + "--XX--\r\n").encode(),
        {"message": "Too many arguments"},
    ),
    "arguments without end": (
        "application/x-www-form-urlencoded",
        b"a=1&" * 1001,
        {"message": "Too many arguments"},
    ),
}


@pytest.mark.parametrize(("kind", "body", "answer"), REFUSED.values(), ids=REFUSED)
def test_says_what_it_cannot_read(kind: str, body: bytes, answer: object) -> None:
    with pytest.raises(ProblemError) as problem:
        decode_payload(kind, body)
    assert problem.value.status == 400
    assert problem.value.body == answer


@pytest.mark.parametrize("kind", ["invalid", "text/plain", "application/jsonX", "", "json"])
def test_other_types_are_refused_before_the_body_is_read(kind: str) -> None:
    with pytest.raises(ProblemError) as problem:
        check_content_type(kind, has_body=True)
    assert (problem.value.status, problem.value.body) == (415, None)


def test_a_body_needs_a_type() -> None:
    with pytest.raises(ProblemError) as problem:
        check_content_type(None, has_body=True)
    assert (problem.value.status, problem.value.body) == (415, None)
