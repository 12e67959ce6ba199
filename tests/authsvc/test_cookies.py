"""Claims about cookies that carry a key."""

import pytest

from authsvc.cookies import cookie_values, lines_apart, without_cookies

VALUES = {
    "one of several": ([b"a=1; apikey=K; b=2"], [b"K"]),
    "quoted": ([b'apikey="K"'], [b"K"]),
    "twice in one header": ([b"apikey=K; apikey=L"], [b"K", b"L"]),
    "in two headers": ([b"apikey=K", b"apikey=L"], [b"K", b"L"]),
    "an equals sign belongs to the value": ([b"apikey=K=="], [b"K=="]),
    "empty": ([b"apikey="], [b""]),
    "another letter case is another cookie": ([b"ApiKey=K"], []),
    "no separator but the semicolon": ([b"a=1, apikey=K"], []),
    "none": ([], []),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_cookie_is_read_by_its_exact_name(name: str) -> None:
    headers, expected = VALUES[name]
    assert cookie_values(headers, "apikey") == expected


REMAINDERS = {
    "the first": (b"apikey=K; b=2", b"b=2"),
    "the last": (b"a=1; apikey=K", b"a=1"),
    "every one": (b"apikey=K; a=1;apikey=L", b"a=1"),
    "the only one": (b"apikey=K", b""),
    "none": (b"a=1;b = 2 ; c", b"a=1;b = 2 ; c"),
}


@pytest.mark.parametrize("name", REMAINDERS)
def test_the_other_cookies_stay_as_they_were_sent(name: str) -> None:
    header, expected = REMAINDERS[name]
    assert without_cookies(header, frozenset({b"apikey"})) == expected


JOINED = {
    "two lines": (b"apikey=K,apikey=L", [b"apikey=K", b"apikey=L"]),
    "with a blank": (b"a=1; b=2, apikey=K; c=3", [b"a=1; b=2", b"apikey=K; c=3"]),
    "a comma in a value": (b"a=1,2; apikey=K", [b"a=1,2; apikey=K"]),
    "in front of another name": (b"apikey=K,b=2,xapikey=1", [b"apikey=K,b=2,xapikey=1"]),
}


@pytest.mark.parametrize("name", JOINED)
def test_lines_are_told_apart_where_one_of_the_names_begins(name: str) -> None:
    header, expected = JOINED[name]
    assert list(lines_apart([header], frozenset({b"apikey"}))) == expected
