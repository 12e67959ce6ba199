"""Claims about what a refused client sees."""

import json
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.decision import Deny, DenyReason, Unavailable
from authsvc.denial import Denial, render
from authsvc.policy import KeyAuthConfig, Policy
from authsvc.request import Request

MISSING = Deny(DenyReason.MISSING_KEY, Policy(KeyAuthConfig()))
JSON = "application/json; charset=utf-8"
PLAIN = "text/plain; charset=utf-8"
HTML = "text/html; charset=utf-8"
XML = "application/xml; charset=utf-8"


def asked(*accept: bytes, request_id: bytes = b"id-1") -> Request:
    headers = (("x-request-id", request_id), *(("accept", value) for value in accept))
    return Request(method="GET", path="/", headers=headers)


def content_type_of(denial: Denial) -> str:
    return dict(denial.headers)["content-type"]


BODIES = {
    JSON: '{\n  "message":"No API key found in request",\n  "request_id":"id-1"\n}',
    PLAIN: "No API key found in request\nrequest_id: id-1\n",
    HTML: (
        '<!doctype html>\n<html>\n  <head>\n    <meta charset="utf-8">\n'
        "    <title>Error</title>\n  </head>\n  <body>\n    <h1>Error</h1>\n"
        "    <p>No API key found in request.</p>\n    <p>request_id: id-1</p>\n"
        "  </body>\n</html>\n"
    ),
    XML: (
        '<?xml version="1.0" encoding="UTF-8"?>\n<error>\n'
        "  <message>No API key found in request</message>\n"
        "  <requestid>id-1</requestid>\n</error>\n"
    ),
}


@pytest.mark.parametrize("content_type", BODIES)
def test_each_form_of_the_body_is_kongs(content_type: str) -> None:
    denial = render(MISSING, asked(content_type.encode()))
    assert content_type_of(denial) == content_type
    assert denial.body == BODIES[content_type]


NEGOTIATED = {
    "nothing": ((), JSON),
    "empty": ((b"",), JSON),
    "anything": ((b"*/*",), JSON),
    "any application": ((b"application/*",), JSON),
    "any text": ((b"text/*",), PLAIN),
    "unknown": ((b"image/png",), JSON),
    "unknown and known": ((b"image/png, text/html;q=0.1",), HTML),
    "a browser": ((b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",), HTML),
    "the best quality": ((b"text/html;q=0.5, application/xml;q=0.7, text/plain;q=0.6",), XML),
    "the first of equals": ((b"text/plain, text/html",), PLAIN),
    "quality zero is a refusal": ((b"text/html;q=0",), JSON),
    "quality zero beside others": ((b"text/html;q=0, text/plain;q=0.001",), PLAIN),
    "no number": ((b"text/html;q=x, text/plain;q=0.1",), PLAIN),
    "not a number": ((b"text/html;q=nan, text/plain;q=0.1",), PLAIN),
    "negative": ((b"text/html;q=-1",), JSON),
    "in any case, with blanks": ((b"  TEXT/HTML ; Q=0.5 ",), HTML),
    "other parameters": ((b"text/html;level=1;q=0.2, text/plain;charset=x",), PLAIN),
    "several lines": ((b"image/png", b"text/html"), HTML),
    "several lines by quality": ((b"text/plain;q=0.1", b"text/html;q=0.2"), HTML),
    "bytes that are no text": ((b"\xff, text/html",), HTML),
    "behind more than anybody sends": ((b"," * 60_000 + b"text/html",), JSON),
}


@pytest.mark.parametrize("name", NEGOTIATED)
def test_the_form_is_negotiated(name: str) -> None:
    accept, content_type = NEGOTIATED[name]
    assert content_type_of(render(MISSING, asked(*accept))) == content_type


CHALLENGES = {
    "no realm": (None, "Key"),
    "a realm": ("my realm", 'Key realm="my realm"'),
    "verbatim, as in Kong": ('a"b\\c', 'Key realm="a"b\\c"'),
    "but it cannot end the line": ("a\r\nset-cookie: b\x00", 'Key realm="aset-cookie: b"'),
}


@pytest.mark.parametrize("name", CHALLENGES)
@pytest.mark.parametrize(
    "reason",
    [
        DenyReason.MISSING_KEY,
        DenyReason.DUPLICATE_KEY,
        DenyReason.UNKNOWN_KEY,
        DenyReason.EXPIRED_KEY,
    ],
)
def test_who_could_authenticate_is_challenged(name: str, reason: DenyReason) -> None:
    realm, challenge = CHALLENGES[name]
    denial = render(Deny(reason, Policy(KeyAuthConfig(realm=realm))), asked())
    assert dict(denial.headers)["www-authenticate"] == challenge


@pytest.mark.parametrize(
    "decision",
    [
        Unavailable(),
        *(
            Deny(reason, Policy(KeyAuthConfig(realm="r", anonymous="a")))
            for reason in DenyReason
            if not reason.endswith("_key")
        ),
    ],
)
def test_nobody_else_is_challenged(decision: Deny | Unavailable) -> None:
    assert "www-authenticate" not in dict(render(decision, asked()).headers)


def test_a_missing_anonymous_consumer_is_named() -> None:
    policy = Policy(KeyAuthConfig(anonymous='gh"o<s>t{0}'))
    denial = render(Deny(DenyReason.ANONYMOUS_MISSING, policy), asked())
    assert denial.status == 500
    assert json.loads(denial.body)["message"] == (
        "anonymous consumer gh\"o<s>t{0} is configured but doesn't exist"
    )


def test_grpc_callers_get_a_status_and_plain_text() -> None:
    headers = (("content-type", b"application/grpc"), ("accept", b"text/html"))
    request = Request(method="POST", path="/", headers=headers)
    assert render(MISSING, request) == Denial(
        401, (("www-authenticate", "Key"), ("grpc-status", "16")), "No API key found in request"
    )


def test_an_id_is_made_up_where_there_is_none() -> None:
    first = json.loads(render(MISSING, asked(request_id=b"")).body)["request_id"]
    second = json.loads(render(MISSING, None).body)["request_id"]
    assert first
    assert second
    assert first != second


@given(st.binary(), st.text().filter(bool))
def test_what_a_client_sends_cannot_break_out_of_the_body(request_id: bytes, name: str) -> None:
    policy = Policy(KeyAuthConfig(anonymous=name))
    decision = Deny(DenyReason.ANONYMOUS_MISSING, policy)
    as_json = json.loads(render(decision, asked(request_id=request_id)).body)
    assert set(as_json) == {"message", "request_id"}
    in_xml = render(decision, asked(b"application/xml", request_id=request_id)).body
    assert [child.tag for child in ET.fromstring(in_xml)] == ["message", "requestid"]  # noqa: S314 - ours
    in_html = render(decision, asked(b"text/html", request_id=request_id)).body
    assert in_html.count("<") == BODIES[HTML].count("<")
    in_plain = render(decision, asked(b"text/plain", request_id=request_id)).body
    assert in_plain.count("\n") == 2
