import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.credential import Claims, read_credential


def encoded(value: bytes | dict[str, Any]) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(data).decode()


TOKEN = encoded({"sub": "u"}).rstrip("=")
# Header value -> the claim "sub", or the user of Basic.
CREDENTIALS: dict[str, tuple[str, str | None]] = {
    "three parts": (f"Bearer h.{TOKEN}.s", "u"),
    "two parts": (f"Bearer h.{TOKEN}", "u"),
    "another letter case": (f"BEARER h.{TOKEN}.s", "u"),
    "several spaces and a tab": (f"  Bearer \t h.{TOKEN}.s ", "u"),
    "no scheme": (f"h.{TOKEN}.s", "u"),
    "another scheme": (f"Token h.{TOKEN}.s", "u"),
    "JSON alone": (TOKEN, "u"),
    "JSON alone with a scheme": (f"Token {TOKEN}", "u"),
    "Bearer with JSON alone": (f"Bearer {TOKEN}", None),
    "opaque": ("Bearer 2YotnFZFEjr1zCsicMWpAA", None),
    "only a scheme": ("Bearer", None),
    "empty": ("", None),
    "not base64": ("Bearer h.!!!!.s", None),
    "not JSON": (f"Bearer h.{encoded(b'{')}.s", None),
    "not UTF-8": (f"Bearer h.{encoded(b'{' + bytes([255]))}.s", None),
    "not an object": (f"Bearer h.{encoded(b'[1]')}.s", None),
    "nested too deep": (f"Bearer h.{encoded(b'[' * 50_000)}.s", None),
    "not ASCII": ("Bearer h.\N{SNOWMAN}.s", None),
    "base64url": ("Bearer h.eyJzdWIiOiI_Pz4-In0.s", "??>>"),
    "the other alphabet": ("Bearer h.eyJzdWIiOiI/Pz4+In0.s", "??>>"),
    "basic": ("Basic " + encoded(b"u:secret"), "u"),
    "basic in lower case": ("basic " + encoded(b"u:secret"), "u"),
    "a colon in the password": ("Basic " + encoded(b"u:sec:ret"), "u"),
    "no colon": ("Basic " + encoded(b"secret"), None),
    "no user": ("Basic " + encoded(b":secret"), None),
    "the first of several": (f"Basic {encoded(b'u:secret')}, Bearer h.{TOKEN}.s", "u"),
    "the first says nothing": (f"Bearer opaque, Bearer h.{TOKEN}.s", None),
}


@pytest.mark.parametrize(("header", "expected"), CREDENTIALS.values(), ids=CREDENTIALS)
def test_a_credential_says_who_has_it(header: str, expected: str | None) -> None:
    claims = read_credential(header)
    assert (claims.user or claims.text("sub")) == expected


# JSON of the claim -> as text
CLAIMS = {
    "text": ('"x"', "x"),
    "a number beyond floats": ("9007199254740993", "9007199254740993"),
    "a number beyond 64 bits": ("123456789012345678901234567890", "123456789012345678901234567890"),
    "a fraction": ("1.50", "1.50"),
    "null": ("null", None),
    "empty": ('""', None),
    "blank": ('" "', None),
    "an object": ('{"a": "b"}', None),
    "an array": ('["a"]', None),
    "a boolean": ("true", None),
    "no number": ("NaN", None),
    "a surrogate pair": (r'"\ud83d\ude00"', "\N{GRINNING FACE}"),
    "half of one": (r'"x\ud83d"', None),
}


@pytest.mark.parametrize(("value", "expected"), CLAIMS.values(), ids=CLAIMS)
def test_a_claim_is_text_or_nothing(value: str, expected: str | None) -> None:
    token = encoded(f'{{"sub": {value}}}'.encode())
    assert read_credential(f"Bearer h.{token}.s").text("sub") == expected


LOOKUPS: dict[str, tuple[dict[str, Any], str | None, str | None]] = {
    "as it is": ({"userId": "u"}, "userId", "u"),
    "exactly comes first": ({"SUB": "no", "sub": "u"}, "sub", "u"),
    "token in another case": ({"SUB": "u"}, "sub", "u"),
    "configured in another case": ({"sub": "u"}, "Sub", "u"),
    "a name with dots": ({"https://acme.com/uid": "u"}, "https://acme.com/uid", "u"),
    "a path": ({"org": {"Tenant": {"id": "u"}}}, "org.tenant.id", "u"),
    "the name comes before the path": ({"a.b": "u", "a": {"b": "no"}}, "a.b", "u"),
    "a path through text": ({"a": "b"}, "a.b", None),
    "absent": ({"a": "b"}, "c", None),
    "not configured": ({"a": "b"}, None, None),
}


@pytest.mark.parametrize(("members", "name", "expected"), LOOKUPS.values(), ids=LOOKUPS)
def test_a_claim_is_found_by_name(
    members: dict[str, Any], name: str | None, expected: str | None
) -> None:
    assert Claims(members=members).text(name) == expected


@given(st.text())
def test_no_header_raises(header: str) -> None:
    read_credential(header).text("a.b")
    read_credential("Basic " + header)


@given(
    st.text(alphabet=st.characters(codec="ascii", exclude_characters=":"), min_size=1), st.text()
)
def test_the_password_is_never_part_of_the_user(user: str, password: str) -> None:
    found = read_credential("Basic " + encoded(f"{user}:{password}".encode())).user
    assert found == (user.strip() or None)
