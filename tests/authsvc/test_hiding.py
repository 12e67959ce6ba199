"""Claims about what is taken out of a request."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.hiding import NOTHING_HIDDEN, Hiding, hide
from authsvc.locations import NoKey, find_key, header_names
from authsvc.policy import KeyAuthConfig
from authsvc.query import arguments, query_of
from authsvc.request import Request

HIDING = KeyAuthConfig(hide_credentials=True)


def test_nothing_is_hidden_unless_told() -> None:
    request = Request(method="GET", path="/r?apikey=K", headers=(("apikey", b"K"),))
    assert hide(request, KeyAuthConfig()) == NOTHING_HIDDEN


CASES = {
    "query and header": (HIDING, "/r?b=2&apikey=K&a=1", Hiding(("apikey",), "/r?b=2&a=1")),
    "path stays as it is": (HIDING, "/r?b=%61", Hiding(("apikey",))),
    "last argument": (HIDING, "/r?apikey=K", Hiding(("apikey",), "/r")),
    "no path": (HIDING, "", Hiding(("apikey",))),
    "every name, not only the one that was found": (
        replace(HIDING, key_names=("apikey", "X-Key")),
        "/r?X-Key=K&apikey=L&x-key=M",
        Hiding(("apikey", "x-key"), "/r?x-key=M"),
    ),
    "disabled locations too": (
        replace(HIDING, key_in_header=False, key_in_query=False),
        "/r?apikey=K",
        Hiding(("apikey",), "/r"),
    ),
    "both spellings of an underscore": (
        replace(HIDING, key_names=("api_key",)),
        "/r?api_key=K&api-key=L",
        Hiding(("api_key", "api-key"), "/r?api-key=L"),
    ),
    "no name": (replace(HIDING, key_names=()), "/r?=K", Hiding()),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_taken_out(name: str) -> None:
    config, path, expected = CASES[name]
    assert hide(Request(method="GET", path=path), config) == expected


def test_its_repr_does_not_show_the_rest_of_the_query() -> None:
    hidden = hide(Request(method="GET", path="/r?apikey=K&token=SECRET"), HIDING)
    assert hidden.path == "/r?token=SECRET"
    assert "SECRET" not in repr(hidden)


key_names = st.sampled_from(["apikey", "ApiKey", "x-key", "api_key", "_", "0"])
configs = st.builds(
    KeyAuthConfig,
    key_names=st.lists(key_names, max_size=3).map(tuple),
    key_in_header=st.booleans(),
    key_in_query=st.booleans(),
    hide_credentials=st.just(True),
)
SPELLINGS = "apikey %61pikey ApiKey x-key x%2Dkey api_key api%5fkey api-key _ 0 %30 a"
spelled = st.sampled_from(SPELLINGS.split(" "))
values = st.sampled_from(["", "=", "=K", "=%4B", "=a=b", "=+", "=%"])
queries = st.lists(st.builds(str.__add__, spelled, values) | st.just(""), max_size=8).map("&".join)
header_lines = st.lists(
    st.tuples(
        st.sampled_from(["apikey", "x-key", "api_key", "api-key", "_", "0", "a"]),
        st.sampled_from([b"", b"K", b" K", b"a,b"]),
    ),
    max_size=5,
).map(tuple)
requests = st.builds(
    Request,
    method=st.just("GET"),
    path=queries.map("/r?{}".format) | st.just("/r"),
    headers=header_lines,
    joined=st.booleans(),
)


def hidden(request: Request, config: KeyAuthConfig) -> Request:
    """Do what Envoy does with what is to be hidden."""
    change = hide(request, config)
    headers = [line for line in request.headers if line[0] not in change.headers]
    if change.cookie is not None:
        headers = [line for line in headers if line[0] != "cookie"]
        headers.append(("cookie", change.cookie.encode()))
    return replace(
        request,
        path=request.path if change.path is None else change.path,
        headers=tuple(headers),
    )


@given(requests, configs)
def test_afterwards_no_key_can_be_found_in_any_location(
    request: Request, config: KeyAuthConfig
) -> None:
    everywhere = replace(config, key_in_header=True, key_in_query=True)
    assert find_key(hidden(request, config), everywhere) is NoKey.MISSING


@given(requests, configs)
def test_what_is_no_credential_stays_in_order_and_byte_for_byte(
    request: Request, config: KeyAuthConfig
) -> None:
    after = hidden(request, config)
    names = {name.encode() for name in config.key_names}
    kept = [one.raw for one in arguments(query_of(request.path)) if one.name not in names]
    assert query_of(after.path) == "&".join(kept)
    removed = {header for name in config.key_names for header in header_names(name)}
    assert after.headers == tuple(line for line in request.headers if line[0] not in removed)


@given(requests, configs)
def test_hiding_twice_is_hiding_once(request: Request, config: KeyAuthConfig) -> None:
    once = hidden(request, config)
    assert hidden(once, config) == once


@given(requests, configs)
def test_a_path_that_holds_no_credential_is_not_touched(
    request: Request, config: KeyAuthConfig
) -> None:
    names = {name.encode() for name in config.key_names}
    mentioned = any(one.name in names for one in arguments(query_of(request.path)))
    assert (hide(request, config).path is None) is not mentioned


COOKIE_CASES = {
    "the others stay": ((b"a=1; apikey=K; b=2",), Hiding(("apikey",), cookie="a=1; b=2")),
    "none is left": ((b"apikey=K", b"apikey=L"), Hiding(("apikey", "cookie"))),
    "it was not there": ((b"a=1; b=2",), Hiding(("apikey",))),
    "what is left is no text": ((b"a=\xff; apikey=K",), Hiding(("apikey", "cookie"))),
}


@pytest.mark.parametrize("name", COOKIE_CASES)
def test_a_cookie_is_taken_out_of_the_others(name: str) -> None:
    cookies, expected = COOKIE_CASES[name]
    headers = tuple(("cookie", value) for value in cookies)
    config = replace(HIDING, key_in_cookie=True)
    assert hide(Request(method="GET", path="/", headers=headers), config) == expected


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (b"Bearer K", ("apikey", "authorization")),
        (b"Basic K", ("apikey",)),
        (b"Basic K,Bearer K", ("apikey", "authorization")),  # of two lines
        (b"Bearer ,K", ("apikey", "authorization")),  # a key that begins with a comma
    ],
)
def test_a_bearer_token_is_removed_and_other_credentials_stay(
    credentials: bytes, expected: tuple[str, ...]
) -> None:
    request = Request(method="GET", path="/", headers=(("authorization", credentials),))
    assert hide(request, replace(HIDING, key_in_bearer=True)) == Hiding(expected)


COOKIE_PIECES = ["apikey=K", "apikey=", "x-key=L", "a=1", ";", "; ", ",", ", ", "apikey", " ", '"']
CREDENTIAL_PIECES = ["Bearer K", "bearer ", "Basic x", ",", ", ", " "]
carriers = st.one_of(
    st.tuples(st.just("cookie"), st.lists(st.sampled_from(COOKIE_PIECES), max_size=6)),
    st.tuples(st.just("authorization"), st.lists(st.sampled_from(CREDENTIAL_PIECES), max_size=4)),
)


@given(st.lists(carriers, max_size=4), configs, st.booleans(), st.booleans())
def test_afterwards_no_key_can_be_found_in_cookies_and_bearer_tokens_either(
    sent: list[tuple[str, list[str]]], config: KeyAuthConfig, joined: bool, bearer: bool
) -> None:
    config = replace(config, key_in_cookie=not bearer, key_in_bearer=bearer)
    lines = [(name, "".join(pieces).encode()) for name, pieces in sent]
    if joined:
        names = dict(lines)
        lines = [(one, b",".join(value for name, value in lines if name == one)) for one in names]
    request = Request(method="GET", path="/", headers=tuple(lines), joined=joined)
    after = hidden(request, config)
    assert find_key(after, config) is NoKey.MISSING
    assert find_key(replace(after, joined=False), config) is NoKey.MISSING
