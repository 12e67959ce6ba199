"""Claims about taking a credential out of a body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.body_hiding import begins_with, can_hold, still_holds, without_fields

NAMES = frozenset({"apikey"})
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = 'multipart/form-data; boundary="xx"'


def part(name: str, value: str, *, extra: str = "", headers: str = "") -> str:
    return (
        f'--xx\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n{headers}\r\n{value}\r\n'
    )


UPLOAD = part("file", "%PDF", extra='; filename="a.pdf"', headers="Content-Type: x/y\r\n")

REWRITES = {
    "form: order and spelling of the rest stay": (
        FORM,
        "c=valu%651&apikey=K&flag&a=+1",
        "c=valu%651&flag&a=+1",
    ),
    "form: every spelling of the name goes": (FORM, "%61pikey=K&a=1&apike%79=K", "a=1"),
    "form: the only field": (FORM, "apikey=K", ""),
    "form: without a value too": (FORM, "a=1&apikey", "a=1"),
    "json: white space and order stay": (
        JSON,
        '{ "b" : 1.50,\n "apikey" : "K" , "a":[ ] }',
        '{ "b" : 1.50, "a":[ ] }',
    ),
    "json: first member": (JSON, '{"apikey":"K","a":1}', '{"a":1}'),
    "json: last member": (JSON, '{"a":1,"apikey":"K"}', '{"a":1}'),
    "json: the only member": (JSON, '{"apikey":"K"}', "{}"),
    "json: an escaped name is the same name": (JSON, '{"\\u0061pikey":"K","a":1}', '{"a":1}'),
    "json: repeated members all go": (JSON, '{"apikey":1,"a":2,"apikey":3}', '{"a":2}'),
    "json: a number longer than Python turns into an int": (
        JSON,
        '{"n":' + "9" * 5000 + ',"apikey":"K"}',
        '{"n":' + "9" * 5000 + "}",
    ),
    "json: nested copies stay": (JSON, '{"apikey":"K","n":{"apikey":"K"}}', '{"n":{"apikey":"K"}}'),
    "multipart: other parts keep headers and file names": (
        MULTIPART,
        part("zzz", "1") + part("apikey", "K") + UPLOAD + "--xx--\r\n",
        part("zzz", "1") + UPLOAD + "--xx--\r\n",
    ),
    "multipart: repeated parts all go": (
        MULTIPART,
        part("apikey", "K") + part("a", "1") + part("apikey", "L") + "--xx--",
        part("a", "1") + "--xx--",
    ),
}


@pytest.mark.parametrize("name", REWRITES)
def test_the_credential_goes_and_the_rest_stays_byte_for_byte(name: str) -> None:
    content_type, body, expected = REWRITES[name]
    assert without_fields(content_type, body.encode(), NAMES) == expected.encode()


UNCHANGED = {
    "form without the field": (FORM, b"a=1&b=\xff"),
    "json without the member": (JSON, b'{"a": {"apikey": 1}}'),
    "json array": (JSON, b'[{"apikey":"K"}]'),
    "broken json": (JSON, b'{"apikey":"K"'),
    "too deep json": (JSON, b"[" * 100_000),
    "multipart without boundary": ("multipart/form-data", b"--xx\r\n"),
    "a type nobody reads": ("text/plain", b"apikey=K"),
    "nothing": (FORM, b""),
}


@pytest.mark.parametrize("name", UNCHANGED)
def test_what_holds_no_key_that_could_be_read_stays_as_it_is(name: str) -> None:
    content_type, body = UNCHANGED[name]
    assert without_fields(content_type, body, NAMES) is None


BEGINNINGS = {
    "form": (FORM, b"a=1&apikey=K&pad=xx", True),
    "form without the field": (FORM, b"a=apikey&apikey2=K&api", False),
    "json": (JSON, b'{"a":[1,{}],"apikey":"K","pad":"xx', True),
    "json in its value": (JSON, b'{"apikey":"K', True),
    "json before the name ends": (JSON, b'{"apikey', False),
    "json with the name deeper": (JSON, b'{"a":{"apikey":"K"},"pad":"x', False),
    "json cut within a character": (JSON, b'{"apikey":"K","pad":"\xc3', True),
    "json with an escaped name": (JSON, b'{"\\u0061pikey":"K","pad":"', True),
    "json that is an array": (JSON, b'["apikey","K"', False),
    "json that is broken": (JSON, b'{1:"apikey","apikey":', False),
    "json that is too deep": (JSON, b'{"a":' + b"[" * 100_000, False),
    "multipart": (MULTIPART, f"{UPLOAD}{part('apikey', 'K')}--xx\r\n".encode(), True),
    "multipart in its value": (MULTIPART, part("apikey", "K")[:-4].encode(), True),
    "multipart without the field": (MULTIPART, UPLOAD.encode(), False),
    "multipart without boundary": ("multipart/form-data", part("apikey", "K").encode(), False),
    "a type nobody reads": ("text/plain", b"apikey=K", False),
    "nothing": (JSON, b"", False),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_field_is_seen_in_the_beginning_of_a_body(name: str) -> None:
    content_type, beginning, shown = BEGINNINGS[name]
    assert begins_with(content_type, beginning, NAMES) is shown


def test_bodies_of_the_types_that_are_read_can_hold_a_key() -> None:
    read = [FORM, JSON, MULTIPART, "application/JSON ; charset=utf-8"]
    others = ["text/plain", "application/grpc", "application/json-patch+json", ""]
    assert [kind for kind in read + others if can_hold(kind)] == read


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(
    st.dictionaries(st.sampled_from(["apikey", "a", "b"]) | st.text(), json_values), st.booleans()
)
def test_json_equals_the_object_without_the_member(
    members: dict[str, object], ascii_only: bool
) -> None:
    body = json.dumps(members, ensure_ascii=ascii_only, indent=1).encode("utf-8", "surrogatepass")
    changed = without_fields(JSON, body, NAMES)
    members.pop("apikey", None)
    assert json.loads(body if changed is None else changed) == members


@given(st.sampled_from([FORM, JSON, MULTIPART]), st.binary(max_size=200))
def test_after_rewriting_no_key_can_be_read(content_type: str, body: bytes) -> None:
    changed = without_fields(content_type, body, NAMES)
    assert not still_holds(content_type, body if changed is None else changed, NAMES)


@pytest.mark.parametrize("name", REWRITES)
def test_what_would_be_taken_out_is_seen(name: str) -> None:
    content_type, body, _ = REWRITES[name]
    assert begins_with(content_type, body.encode(), NAMES)


@given(
    st.lists(
        st.sampled_from(["apikey=K", "%61pikey=K", "apikey", "a=1", "&", "=", "b", "apikeyy=1"])
    )
)
def test_a_form_loses_only_the_field(pieces: list[str]) -> None:
    body = "&".join(pieces).encode()
    changed = without_fields(FORM, body, NAMES)
    kept = [
        piece
        for piece in "&".join(pieces).split("&")
        if piece.split("=")[0] not in ("apikey", "%61pikey")
    ]
    assert (body if changed is None else changed) == "&".join(kept).encode()
