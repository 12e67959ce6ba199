"""Claims about reading and rewriting a query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.query import arguments, mentions, query_of, values_of, without_arguments

NAME = "apikey"
NAMES = frozenset({NAME.encode(), b"x_Key-2"})

VALUES = {
    "one": ("apikey=K", [b"K"]),
    "none": ("a=1", []),
    "empty query": ("", []),
    "empty value": ("apikey=", [b""]),
    "no value": ("apikey", []),
    "repeated": ("apikey=a&b=1&apikey=c", [b"a", b"c"]),
    "no value beside a value": ("apikey&apikey=K", [b"", b"K"]),
    "twice no value": ("apikey&apikey", [b"", b""]),
    "encoded name": ("%61%50ikey=1&api%6bey=2&api%6Bey=3", [b"2", b"3"]),
    "encoded twice is another name": ("%2561pikey=K", []),
    "other case": ("ApiKey=K", []),
    "longer name": ("apikeys=K&xapikey=K", []),
    "second equals sign": ("apikey=a=b", [b"a=b"]),
    "encoded value": ("apikey=%4b%20%C3%A9%ff", [b"K \xc3\xa9\xff"]),
    "plus is a space": ("apikey=a+b%2B", [b"a b+"]),
    "plus is no part of a name": ("apikey+=K&+apikey=K", []),
    "stray percent signs": ("apikey=%&a=%zz", [b"%"]),
    "half an escape": ("apikey=%4", [b"%4"]),
    "nul": ("apikey=a%00b", [b"a\x00b"]),
    "nul in the name": ("apikey%00=K", []),
    "empty arguments": ("&&apikey=K&&", [b"K"]),
    "semicolons do not separate": ("x=1;apikey=K", []),
    "brackets": ("apikey[]=K", []),
    "only a question mark more": ("?apikey=K", []),
    "line feeds": ("apikey=K\n&apikey\n=L", [b"K\n"]),
    "raw unicode": ("apikey=é", ["é".encode()]),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_are_those_of_the_decoded_name(case: str) -> None:
    query, expected = VALUES[case]
    assert values_of(query, NAME) == expected


def test_an_argument_without_equals_sign_differs_from_an_empty_one() -> None:
    assert [tuple(argument) for argument in arguments("a&b=")] == [
        (b"a", None, "a"),
        (b"b", b"", "b="),
    ]


@pytest.mark.parametrize(
    ("path", "query"), [("/a?b", "b"), ("/a", ""), ("/a?", ""), ("/a??b?", "?b?"), ("", "")]
)
def test_a_query_begins_behind_the_first_question_mark(path: str, query: str) -> None:
    assert query_of(path) == query


REWRITES = {
    "in the middle": ("/r?b=2&apikey=K&a=1", "/r?b=2&a=1"),
    "first": ("/r?apikey=K&a=1", "/r?a=1"),
    "last": ("/r?a=1&apikey=K", "/r?a=1"),
    "alone": ("/r?apikey=K", "/r"),
    "repeated": ("/r?apikey=K&a=1&apikey=L&apikey", "/r?a=1"),
    "encoded": ("/r?%61pikey=K&apike%79=K&a=%61", "/r?a=%61"),
    "other name": ("/r?x_Key-2=K&x%5fKey%2D2=L&x_key-2=M", "/r?x_key-2=M"),
    "empty arguments stay": ("/r?&&apikey=K&&a=1&", "/r?&&&a=1&"),
    "nothing but an empty argument": ("/r?apikey=K&", "/r"),
    "a flag stays a flag": ("/r?flag&apikey=K&e=", "/r?flag&e="),
    "second question mark": ("/r??apikey=K&apikey=L", "/r??apikey=K"),
    "no path": ("?apikey=K", ""),
}


@pytest.mark.parametrize("case", REWRITES)
def test_rewriting_takes_every_spelling_out_and_leaves_the_rest(case: str) -> None:
    path, expected = REWRITES[case]
    assert mentions(path, NAMES)
    assert without_arguments(path, NAMES) == expected


def test_without_names_nothing_is_mentioned_and_nothing_removed() -> None:
    assert not mentions("/r?=1&a=1", frozenset())
    assert without_arguments("/r?=1&a=1", frozenset()) == "/r?=1&a=1"


PIECES = (
    "apikey %61pikey %61%70%69%6B%65%79 api%6bey x_Key-2 x%5FKey%2d2 a é "
    "= & && ? % %zz %2 %61 + %26 %3D K \n \udcff"
)
pieces = st.sampled_from(PIECES.split(" "))
queries = st.lists(pieces, max_size=20).map("".join) | st.text()


@given(queries)
def test_values_agree_with_decoding_every_argument(query: str) -> None:
    if not _is_encodable(query):
        return
    found = [one.value for one in arguments(query) if one.name == NAME.encode()]
    expected = [] if found == [None] else [value or b"" for value in found]
    assert values_of(query, NAME) == expected


@given(queries)
def test_rewriting_agrees_with_decoding_every_argument(query: str) -> None:
    if not _is_encodable(query):
        return
    kept = "&".join(one.raw for one in arguments(query) if one.name not in NAMES)
    path = f"/r?{query}"
    assert without_arguments(path, NAMES) == (f"/r?{kept}" if kept else "/r")
    assert mentions(path, NAMES) == any(one.name in NAMES for one in arguments(query))


@given(queries)
def test_what_was_rewritten_need_not_be_rewritten_again(query: str) -> None:
    rewritten = without_arguments(f"/r?{query}", NAMES)
    assert not mentions(rewritten, NAMES)
    assert without_arguments(rewritten, NAMES) in (rewritten, rewritten.removesuffix("?"))


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True
