"""Claims about where a key is looked for, and which one counts."""

from dataclasses import dataclass, field

import pytest

from authsvc.locations import FoundKey, NoKey, find_key, header_names
from authsvc.policy import KeyAuthConfig
from authsvc.request import Request

MISSING, DUPLICATE = NoKey.MISSING, NoKey.DUPLICATE
FORM = (("content-type", b"application/x-www-form-urlencoded"),)


@dataclass(frozen=True)
class Case:
    expected: bytes | NoKey
    headers: tuple[tuple[str, bytes], ...] = ()
    query: str = ""
    body: bytes | None = None
    config: KeyAuthConfig = field(default_factory=KeyAuthConfig)


TWO_NAMES = KeyAuthConfig(key_names=("apikey", "x-key"))
IN_BODY = KeyAuthConfig(key_in_body=True)
HEADER_ONLY = KeyAuthConfig(key_in_query=False)
QUERY_ONLY = KeyAuthConfig(key_in_header=False)

IN_COOKIE = KeyAuthConfig(key_in_cookie=True)
IN_BEARER = KeyAuthConfig(key_in_bearer=True)

CASES = {
    "nothing": Case(MISSING),
    "cookie": Case(b"K", (("cookie", b"a=1; apikey=K"),), config=IN_COOKIE),
    "cookie is not looked at unless told": Case(MISSING, (("cookie", b"apikey=K"),)),
    "query before cookie": Case(b"Q", (("cookie", b"apikey=C"),), "apikey=Q", config=IN_COOKIE),
    "two cookies": Case(DUPLICATE, (("cookie", b"apikey=K; apikey=L"),), config=IN_COOKIE),
    "bearer": Case(b"K", (("authorization", b"Bearer K"),), config=IN_BEARER),
    "bearer in any letter case": Case(b"K", (("authorization", b" bEARER  K "),), config=IN_BEARER),
    "bearer is not looked at unless told": Case(MISSING, (("authorization", b"Bearer K"),)),
    "another scheme": Case(MISSING, (("authorization", b"Basic K"),), config=IN_BEARER),
    "bearer without a token": Case(MISSING, (("authorization", b"Bearer "),), config=IN_BEARER),
    "a name before bearer": Case(
        b"Q", (("authorization", b"Bearer K"),), "apikey=Q", config=IN_BEARER
    ),
    "two bearers": Case(
        DUPLICATE,
        (("authorization", b"Bearer K"), ("authorization", b"Bearer L")),
        config=IN_BEARER,
    ),
    "header": Case(b"K", (("apikey", b"K"),)),
    "query": Case(b"K", query="apikey=K"),
    "body": Case(b"K", FORM, body=b"apikey=K", config=IN_BODY),
    "body is not looked at unless told": Case(MISSING, FORM, body=b"apikey=K"),
    "body that did not fit": Case(MISSING, FORM, body=None, config=IN_BODY),
    "body without a type": Case(MISSING, body=b"apikey=K", config=IN_BODY),
    "header before query": Case(b"H", (("apikey", b"H"),), "apikey=Q"),
    "query before body": Case(b"Q", FORM, "apikey=Q", b"apikey=B", config=IN_BODY),
    "name before location": Case(b"Q", (("x-key", b"H"),), "apikey=Q", config=TWO_NAMES),
    "second name": Case(b"H", (("x-key", b"H"),), config=TWO_NAMES),
    "two header lines": Case(DUPLICATE, (("apikey", b"K"), ("apikey", b"K"))),
    "first of two lines empty": Case(DUPLICATE, (("apikey", b""), ("apikey", b"K"))),
    "two arguments": Case(DUPLICATE, query="apikey=K&apikey=K"),
    "two arguments, once without a value": Case(DUPLICATE, query="apikey&apikey=K"),
    "two fields": Case(DUPLICATE, FORM, body=b"apikey=K&apikey", config=IN_BODY),
    "duplicates under the first name": Case(
        DUPLICATE, (("x-key", b"H"),), "apikey=a&apikey=b", config=TWO_NAMES
    ),
    "duplicates behind the winner": Case(b"H", (("apikey", b"H"),), "apikey=a&apikey=b"),
    "duplicates in a disabled location": Case(
        b"Q", (("apikey", b"a"), ("apikey", b"b")), "apikey=Q", config=QUERY_ONLY
    ),
    "empty header hides the query": Case(MISSING, (("apikey", b""),), "apikey=K"),
    "blank header is empty": Case(MISSING, (("apikey", b" \t "),), "apikey=K"),
    "empty header hides the next name": Case(
        MISSING, (("apikey", b""), ("x-key", b"K")), config=TWO_NAMES
    ),
    "empty argument hides the body": Case(MISSING, FORM, "apikey=", b"apikey=K", config=IN_BODY),
    "argument without a value hides nothing": Case(
        b"B", FORM, "apikey", b"apikey=B", config=IN_BODY
    ),
    "blanks around a header value": Case(b"a b", (("apikey", b" \ta b \t"),)),
    "blanks in a query value stay": Case(b" K ", query="apikey=%20K+"),
    "other white space is the key's": Case(b"\x0bK\xa0", (("apikey", b"\x0bK\xa0"),)),
    "a comma in a line": Case(b"a,b", (("apikey", b"a,b"),)),
    "bytes that are no text": Case(b"\xff\xfe", (("apikey", b"\xff\xfe"),)),
    "no scheme is taken off": Case(b"Bearer K", (("apikey", b"Bearer K"),)),
    "header names in any case": Case(
        b"K", (("x-api-key", b"K"),), config=KeyAuthConfig(key_names=("X-Api-Key",))
    ),
    "argument names in their own": Case(
        MISSING, query="apikey=K", config=KeyAuthConfig(key_names=("ApiKey",))
    ),
    "underscore matches a hyphen": Case(
        b"K", (("api-key", b"K"),), config=KeyAuthConfig(key_names=("api_key",))
    ),
    "underscore and hyphen at once": Case(
        DUPLICATE,
        (("api-key", b"K"), ("api_key", b"K")),
        config=KeyAuthConfig(key_names=("api_key",)),
    ),
    "hyphen matches no underscore": Case(
        MISSING, (("api_key", b"K"),), config=KeyAuthConfig(key_names=("api-key",))
    ),
    "no hyphen for an underscore in a query": Case(
        MISSING, query="api-key=K", config=KeyAuthConfig(key_names=("api_key",))
    ),
    "no names": Case(MISSING, (("apikey", b"K"),), config=KeyAuthConfig(key_names=())),
    "header only": Case(MISSING, query="apikey=K", config=HEADER_ONLY),
    "query only": Case(MISSING, (("apikey", b"K"),), config=QUERY_ONLY),
    "pseudo headers are no key": Case(
        MISSING, ((":path", b"K"),), config=KeyAuthConfig(key_names=("path",))
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_key_that_counts(name: str) -> None:
    case = CASES[name]
    request = Request(method="POST", path=f"/r?{case.query}", headers=case.headers, body=case.body)
    found = find_key(request, case.config)
    assert (found.key.reveal() if isinstance(found, FoundKey) else found) == case.expected


def test_a_request_without_a_path_is_looked_at_like_any() -> None:
    request = Request(method="CONNECT", path="", headers=(("apikey", b"K"),))
    assert isinstance(find_key(request, KeyAuthConfig()), FoundKey)


AMBIGUOUS = {
    "joined lines": ((("apikey", b"good,evil"),), "", True, True),
    "an empty line first": ((("apikey", b",good"),), "", True, True),
    "an empty line last": ((("apikey", b"good,"),), "", True, True),
    "two empty lines": ((("apikey", b","),), "", True, True),
    "lines kept apart": ((("apikey", b"good,evil"),), "", False, False),
    "no comma": ((("apikey", b"good"),), "", True, False),
    "a comma in the query is the key's": ((), "apikey=a,b", True, False),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_only_a_comma_in_joined_headers_is_ambiguous(name: str) -> None:
    headers, query, joined, ambiguous = AMBIGUOUS[name]
    request = Request(method="GET", path=f"/r?{query}", headers=headers, joined=joined)
    found = find_key(request, KeyAuthConfig())
    assert isinstance(found, FoundKey)
    assert found.ambiguous is ambiguous


def test_a_key_name_stands_for_these_headers() -> None:
    assert header_names("ApiKey") == ("apikey",)
    assert header_names("My-Api_Key") == ("my-api_key", "my-api-key")


def test_what_was_found_does_not_show_the_key() -> None:
    request = Request(method="GET", path="/?apikey=SECRET")
    assert "SECRET" not in repr(find_key(request, KeyAuthConfig()))
