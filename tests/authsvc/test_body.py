"""Claims about reading a key from a body."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.body import field_values, media_type_of

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data; boundary=xx"
NAME = "apikey"


def part(value: str, *, name: str = '; name="apikey"', headers: str = "") -> str:
    return f"--xx\r\nContent-Disposition: form-data{name}\r\n{headers}\r\n{value}\r\n"


END = "--xx--\r\n"

VALUES: dict[str, tuple[str, str | bytes, list[bytes]]] = {
    "form": (FORM, "a=1&apikey=K", [b"K"]),
    "form: encoded": (FORM, "%61pikey=%4b+", [b"K "]),
    "form: repeated": (FORM, "apikey=K&apikey=K", [b"K", b"K"]),
    "form: without a value": (FORM, "apikey", []),
    "form: without a value beside one": (FORM, "apikey&apikey=K", [b"", b"K"]),
    "form: empty": (FORM, "apikey=", [b""]),
    "form: brackets are another name": (FORM, "apikey[]=K&apikey[1]=K", []),
    "form: other case": (FORM, "ApiKey=K", []),
    "form: bytes that are no text": (FORM, b"\xff&apikey=\xfe\xed\xa0\x80", [b"\xfe\xed\xa0\x80"]),
    "form: with parameters, in any case": (FORM.title() + " ; charset=x", "apikey=K", [b"K"]),
    "form: as curl's documentation had it": (FORM, "apikey: K", []),
    "json": (JSON, '{"a": 1, "apikey": "K"}', [b"K"]),
    "json: escaped": (JSON, '{"\\u0061pikey": "\\u004b"}', [b"K"]),
    "json: empty text": (JSON, '{"apikey": ""}', [b""]),
    "json: nothing": (JSON, "", []),
    "json: number": (JSON, '{"apikey": 1}', []),
    "json: true": (JSON, '{"apikey": true}', []),
    "json: null": (JSON, '{"apikey": null}', []),
    "json: object": (JSON, '{"apikey": {"apikey": "K"}}', []),
    "json: array of one": (JSON, '{"apikey": ["K"]}', [b"", b""]),
    "json: empty array": (JSON, '{"apikey": []}', []),
    "json: repeated member": (JSON, '{"apikey": "K", "apikey": "L"}', [b"", b""]),
    "json: repeated by an escape": (JSON, '{"apikey": "K", "\\u0061pikey": "K"}', [b"", b""]),
    "json: repeated, once no text": (JSON, '{"apikey": "K", "apikey": null}', [b"", b""]),
    "json: nested": (JSON, '{"a": {"apikey": "K"}}', []),
    "json: array at the top": (JSON, '[{"apikey": "K"}]', []),
    "json: pairs at the top": (JSON, '[["apikey", "K"]]', []),
    "json: scalar at the top": (JSON, '"apikey"', []),
    "json: cut": (JSON, '{"apikey": "K"', []),
    "json: more behind": (JSON, '{"apikey": "K"} x', []),
    "json: byte order mark": (JSON, b'\xef\xbb\xbf{"apikey": "K"}', [b"K"]),
    "json: no utf-8": (JSON, b'{"apikey": "\xff"}', []),
    "json: lone surrogate": (JSON, '{"apikey": "\\ud800"}', [b"\xed\xa0\x80"]),
    "json: deep before the key": (JSON, '{"a":' + "[" * 90_000 + "]" * 90_000 + "}", []),
    "json: open brackets only": (JSON, "[" * 1_000_000, []),
    "json: a number too long for an int": (JSON, '{"a":' + "1" * 5_000 + ',"apikey":"K"}', [b"K"]),
    "json: suffix is another type": ("application/vnd.api+json", '{"apikey": "K"}', []),
    "multipart": (MULTIPART, part("K") + END, [b"K"]),
    "multipart: quoted boundary": (MULTIPART.replace("xx", '"xx"'), part("K") + END, [b"K"]),
    "multipart: boundary is case-sensitive": (MULTIPART.upper(), part("K") + END, []),
    "multipart: without boundary": ("multipart/form-data", part("K") + END, []),
    "multipart: empty boundary": ("multipart/form-data; boundary=", part("K") + END, []),
    "multipart: repeated": (MULTIPART, part("K") + part("L") + END, [b"K", b"L"]),
    "multipart: other parts": (
        MULTIPART,
        part("1", name='; name="a"') + part("K") + END,
        [b"K"],
    ),
    "multipart: never closed": (MULTIPART, part("K"), []),
    "multipart: bare line feeds": (MULTIPART, (part("K") + END).replace("\r\n", "\n"), []),
    "multipart: a file": (MULTIPART, part("K", name='; name="apikey"; filename="a"') + END, [b"K"]),
    "multipart: bare name": (MULTIPART, part("K", name="; name=apikey") + END, [b"K"]),
    "multipart: without a name": (MULTIPART, part("K", name="") + END, []),
    "multipart: transfer encodings are not undone": (
        MULTIPART,
        part("Sw==", headers="Content-Transfer-Encoding: base64\r\n") + END,
        [b"Sw=="],
    ),
    "multipart: line breaks belong to the value": (MULTIPART, part("K\r\n") + END, [b"K\r\n"]),
    "multipart: too many parts": (
        MULTIPART,
        part("K") + part("", name='; name="a"') * 128 + END,
        [],
    ),
    "other multipart": ("multipart/mixed; boundary=xx", part("K") + END, []),
    "no type": ("", "apikey=K", []),
    "the documentation's misspelt form type": ("application/www-form-urlencoded", "apikey=K", []),
    "two types in one": (f"{JSON},{FORM}", "apikey=K", []),
}


@pytest.mark.parametrize("case", VALUES)
def test_values_are_those_of_a_top_level_field(case: str) -> None:
    content_type, body, expected = VALUES[case]
    raw = body.encode() if isinstance(body, str) else body
    assert field_values(content_type, raw, NAME) == expected


def test_a_large_part_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("a temporary file")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    body = (part("K" * 1_000_000) + END).encode()
    assert field_values(MULTIPART, body, NAME) == [b"K" * 1_000_000]


def test_a_media_type_is_what_stands_before_the_parameters() -> None:
    assert media_type_of(" Application/JSON ; charset=utf-8") == JSON


FRAGMENTS = (
    b'--xx|--|\r\n|\r\n\r\n|\n|Content-Disposition: form-data; name="apikey"|Content-Length: 9|: |'
    b'K|&|=|%|{|}|"apikey"|:|"|[|,|\x00|\xff|\xef\xbb\xbf|apikey|\\u'
)
fragments = st.sampled_from(FRAGMENTS.split(b"|"))
bodies = st.lists(fragments, max_size=20).map(b"".join) | st.binary()
content_types = st.sampled_from([FORM, JSON, MULTIPART, "multipart/form-data"]) | st.text()


@given(content_types, bodies)
def test_no_body_and_no_type_is_an_error(content_type: str, body: bytes) -> None:
    assert all(isinstance(value, bytes) for value in field_values(content_type, body, NAME))


@given(st.text(), st.booleans(), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_any_text_comes_out_of_json_as_it_went_in(
    key: str, ascii_only: bool, encoding: str
) -> None:
    text = json.dumps({"a": [{}], NAME: key}, ensure_ascii=ascii_only)
    body = text.encode(encoding, "surrogatepass")
    assert field_values(JSON, body, NAME) == [key.encode("utf-8", "surrogatepass")]


@given(st.binary().filter(lambda value: b"\r\n--xx" not in value))
def test_any_bytes_come_out_of_a_part_as_they_went_in(value: bytes) -> None:
    body = part("\x00").encode().replace(b"\x00", value) + END.encode()
    assert field_values(MULTIPART, body, NAME) == [value]
