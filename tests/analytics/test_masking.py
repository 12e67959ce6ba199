from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.config_fields import parse_moesif_config
from analytics.masking import MASK, USUAL_CREDENTIAL_NAMES, CredentialNames, Masking

KEY = "k3y-that-nobody-may-see"


def masking(*credential_names: str, **config: Any) -> Masking:
    parsed = parse_moesif_config({"application_id": "app"} | config)
    return Masking(parsed, CredentialNames(credential_names))


URLS = {
    "alone": (f"/?apikey={KEY}", "/?apikey=*****"),
    "among others": (f"/a?b=2&apikey={KEY}&a=1", "/a?b=2&apikey=*****&a=1"),
    "percent-encoded name": (f"/?%61pike%79={KEY}", "/?%61pike%79=*****"),
    "another letter case": (f"/?APIKey={KEY}", "/?APIKey=*****"),
    "underscores": (f"/?api_key={KEY}&access_token={KEY}", "/?api_key=*****&access_token=*****"),
    "repeated": (f"/?apikey={KEY}&x&apikey={KEY}", "/?apikey=*****&x&apikey=*****"),
    "a name of one's own": (f"/?My-Key={KEY}", "/?My-Key=*****"),
    "after a semicolon": (f"/?x=1;apikey={KEY}", "/?x=1;apikey=*****"),
    "with separators in it": (f"/?apikey=a;b?c#{KEY}={KEY}&x=1", "/?apikey=*****&x=1"),
    "in a fragment": (f"https://app/#access_token={KEY}", "https://app/#access_token=*****"),
    "in a URL in the query": (f"/?next=/b?apikey={KEY}", "/?next=/b?apikey=*****"),
    "in an encoded URL": (f"/?next=%2Fb%3Fapikey%3D{KEY}&x=1", "/?next=*****&x=1"),
    "in an encoded query": (f"/?q=x%3D1%26apikey%3D{KEY}", "/?q=*****"),
    "with an encoded equals sign": (f"/?x&apikey%3D{KEY}", "/?x&*****"),
    "nothing but an encoded argument": (f"/?apikey%3D{KEY}", "/?*****"),
    "with a password": (f"https://u:{KEY}@h/?x=1", "https://*****@h/?x=1"),
    "a whole URL": (f"https://h/p?apikey={KEY}", "https://h/p?apikey=*****"),
}


@pytest.mark.parametrize(("url", "expected"), URLS.values(), ids=URLS)
def test_credentials_are_masked_wherever_a_url_has_them(url: str, expected: str) -> None:
    assert masking("my_key").url(url) == expected


UNTOUCHED = [
    "",
    "/",
    "/apikey=1/b",
    "/a;apikey=22/b?x=1",
    "/?notapikey=22&apikeys=22",
    "/?&&=&x=%zz&%=&a=b=c&+",
    "/?apikey&apikey=",
    "/?apikey=1",
    "/?redirect=%2Fa%3Fb%3Dc",
    "mail@example.com",
    "https://h/a@b",
]


@pytest.mark.parametrize("url", UNTOUCHED)
def test_what_is_no_credential_stays_byte_for_byte(url: str) -> None:
    assert masking().url(url) == url


CONFIGURED = {
    "by name": ("/a?token=abc&x=1", "/a?token=*****&x=1"),
    "every one": ("/a?token=1&x=2&token=3", "/a?token=*****&x=2&token=*****"),
    "percent-encoded": ("/a?%74oken=1", "/a?%74oken=*****"),
    "another letter case": ("/a?Token=1", "/a?Token=*****"),
    "not a part of a name": ("/a?xtoken=1", "/a?xtoken=1"),
    "not an empty value": ("/a?token=&x", "/a?token=&x"),
    "not in the path": ("/token=abc/b?x=1", "/token=abc/b?x=1"),
    "a name with regex characters": ("/a?a.b[]=1&aXb[]=1", "/a?a.b[]=*****&aXb[]=1"),
}


@pytest.mark.parametrize(("url", "expected"), CONFIGURED.values(), ids=CONFIGURED)
def test_configured_parameters_are_masked(url: str, expected: str) -> None:
    assert masking(request_query_masks=["token", "a.b[]"]).url(url) == expected


@pytest.mark.parametrize(
    "name", [*USUAL_CREDENTIAL_NAMES, "my-key", "API_KEY", "Proxy-Authorization"]
)
def test_credential_headers_are_masked_in_both_directions(name: str) -> None:
    masks = masking("My_Key")
    for shown in (masks.request_headers, masks.response_headers, masks.tags):
        assert shown({name: KEY, "accept": "*/*"}) == {name: MASK, "accept": "*/*"}


def test_headers_that_carry_urls_are_masked_inside() -> None:
    headers = {
        "referer": f"https://h/?apikey={KEY}&x=1",
        "x-envoy-original-path": f"/?%61pikey={KEY}",
        "location": f"/next?token=x&access_token={KEY}",
        "accept": "text/*;q=0.5",
    }
    assert masking().response_headers(headers) == {
        "referer": "https://h/?apikey=*****&x=1",
        "x-envoy-original-path": "/?%61pikey=*****",
        "location": "/next?token=x&access_token=*****",
        "accept": "text/*;q=0.5",
    }


def test_configured_headers_are_removed() -> None:
    masks = masking(
        request_header_masks=["X-Secret", "Cookie"], response_header_masks=["Set-Cookie"]
    )
    assert masks.request_headers({"x-secret": "s", "cookie": "c", "a": "1"}) == {"a": "1"}
    assert masks.request_headers({"x_secret": "s"}) == {}
    assert masks.response_headers({"set-cookie": "s", "x-secret": "1"}) == {"x-secret": "1"}


# --- for any headers

HEADER_NAMES = st.sampled_from(
    ["accept", "x-secret", "X_Secret", "apikey", "api_key", "referer", "cookie", "x-other"]
)
HEADER_VALUES = st.sampled_from(["", "1", "/?apikey=kk", "https://u:p@h/", "a#token=kk", "a@b"])


@given(st.lists(st.dictionaries(HEADER_NAMES, HEADER_VALUES), max_size=4))
def test_each_header_is_shown_as_if_it_were_alone(sets: list[dict[str, str]]) -> None:
    it = masking(request_header_masks=["x-secret"])
    for headers in sets:
        given = dict(headers)
        expected: dict[str, str] = {}
        for name, value in headers.items():
            canonical = name.lower().replace("_", "-")
            if canonical != "x-secret":
                is_credential = canonical in USUAL_CREDENTIAL_NAMES
                expected[name] = MASK if is_credential else it.url(value)
        assert it.request_headers(headers) == expected
        assert headers == given  # the caller's stay as they were


# --- for any query

SEPARATORS = st.sampled_from(["&", "&&", ";", "?", "#"])
NAMES = st.sampled_from(["apikey", "api_key", "ACCESS_TOKEN", "My-Key", "authorization"])


@st.composite
def encoded_names(draw: st.DrawFn) -> str:
    """A credential's name with some characters percent-encoded."""
    return "".join(
        f"%{ord(letter):02x}" if draw(st.booleans()) else letter for letter in draw(NAMES)
    )


ANYTHING = st.text(alphabet="abxyz%&;=?#./+0123456789", max_size=20)


@given(ANYTHING, SEPARATORS, encoded_names(), st.text(max_size=20), ANYTHING)
def test_no_key_survives(before: str, separator: str, name: str, key: str, after: str) -> None:
    raw_key = f"CANARY{quote(key, safe=';?#=+')}CANARY"
    shown = masking("my_key").url(f"/p?{before}{separator}{name}={raw_key}&{after}")
    assert "CANARY" not in shown


@given(
    st.lists(
        st.tuples(st.text(alphabet="abxyz%&;=?#./+0123456789", max_size=8), st.text(max_size=12)),
        max_size=5,
    )
)
def test_a_query_without_credentials_is_not_touched(parameters: list[tuple[str, str]]) -> None:
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters)
    assert masking().url(f"/path?{query}") == f"/path?{query}"


@given(
    encoded_names(),
    st.text(alphabet="abc%;?=+.", max_size=12),
    st.text(alphabet="abc=%;+", max_size=12),
)
def test_only_the_value_changes(name: str, value: str, after: str) -> None:
    url = f"/p?x=1&{name}={value}kk&y={after}&z"
    assert masking("my_key").url(url) == f"/p?x=1&{name}={MASK}&y={after}&z"


_PIECES = st.sampled_from(
    [
        *("apikey", "api_key", "%61pikey", "page", "secret-one", "v", "", "é", "*****"),
        *("=", "&", "?", "#", ";", "%3D", "%3d", "%26", "%25", "+", "=x="),
    ]
)


@given(st.lists(_PIECES, max_size=14).map("".join))
def test_queries_with_nothing_unusual_are_masked_as_all_others(query: str) -> None:
    it = masking(request_query_masks=["secret-one"])
    slowly = "&".join(it._argument(argument) for argument in query.split("&"))
    assert it.url("/?" + query) == "/?" + slowly


def test_a_hostile_query_takes_no_longer_than_its_length() -> None:
    # Quadratic, this would take minutes.
    hostile = "/?x=" + ";a=%3D" * 200_000
    assert masking().url(hostile) == hostile
