"""What is shown of a body."""

import base64
import gzip
import json
import zlib
from typing import Any
from urllib.parse import quote_plus

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from analytics.bodies.captured import Bodies, CapturedBody
from analytics.bodies.metrics import BodyOutcome
from analytics.bodies.rendering import BodyRenderer
from analytics.config_fields import parse_moesif_config
from analytics.encoding import encode_event, join_events, split_events
from analytics.masking import CredentialNames, Masking
from tests.fakes.body_counts import BodyCounts

KEY = "k3y-that-nobody-may-see"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


class Shown:
    """What became of one body."""

    def __init__(self, data: bytes, kind: str = "", encoding: str = "", **config: Any) -> None:
        parsed = parse_moesif_config({"application_id": "app"} | config)
        credentials, self.counts = CredentialNames(["my-key"]), BodyCounts()
        renderer = BodyRenderer(parsed, credentials, Masking(parsed, credentials), self.counts)
        members = renderer.request(Bodies(request=CapturedBody(data, kind, encoding)))
        self.encoded = encode_event(members)
        self.members = json.loads(self.encoded)

    @property
    def text(self) -> Any:
        """The body as JSON, or the text that base64 stands for; None if it was left out."""
        if self.members.get("transfer_encoding") == "base64":
            return base64.b64decode(self.members["body"], validate=True).decode("utf-8", "replace")
        return self.members.get("body")


def part(name: str, content: str, *more: str) -> str:
    head = [f'--b\r\nContent-Disposition: form-data; name="{name}"', *more]
    return "\r\n".join([*head, "", content, ""])


# What has to be masked is written anew, what has not stays as it came.
@pytest.mark.parametrize("member", ["plain", "my-key"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_an_event_is_one_line_whatever_its_bodies(member: str, end: str) -> None:
    pretty = json.dumps({member: "long\nvalue", "list": [1, {"a": 12345678901234567890}]}, indent=2)
    data = pretty.replace("\n", end).encode()
    shown = Shown(data, JSON)
    assert shown.text["list"] == [1, {"a": 12345678901234567890}]
    assert not {b"\n"[0], b"\r"[0]} & set(shown.encoded)
    assert split_events(join_events([shown.encoded] * 2)) == [shown.encoded] * 2


PLAIN = {
    "an object": (JSON, b'{"a": [1, null]}', {"a": [1, None]}),
    "a list, by another type": ("application/hal+json;charset=utf-8", b" [1]\n", [1]),
    "json that is no container": (JSON, b'"text"', '"text"'),
    "json without a type": ("", b'{"a":1}', '{"a":1}'),
    "broken json": (JSON, b'{"a":', '{"a":'),
    "json with a mark, in utf-8": (JSON, b"\xef\xbb\xbf{}", {}),
    "json in utf-16": (JSON, '{"ü":1}'.encode("utf-16"), {"ü": 1}),
    "json in utf-16 without a mark": (JSON, '{"a":1}'.encode("utf-16-be"), {"a": 1}),
    "text": ("text/plain", b"hello", "hello"),
    "text in utf-16": ("text/plain; charset=UTF-16LE", "hello".encode("utf-16-le"), "hello"),
    "a form": (FORM, b"a=1&b=%zz&&c", "a=1&b=%zz&&c"),
    "xml": ("application/xml", b"<a/>", "<a/>"),
    "graphql": ("application/graphql", b"{ items { id } }", "{ items { id } }"),
    "lines of json": ("application/x-ndjson", b'{"a":1}\n{"a":2}\n', '{"a":1}\n{"a":2}\n'),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_body_is_shown_as_json_or_in_base64(name: str) -> None:
    kind, data, expected = PLAIN[name]
    shown = Shown(data, kind)
    assert shown.text == expected
    is_json = not isinstance(expected, str)
    assert shown.members["transfer_encoding"] == ("json" if is_json else "base64")
    assert shown.counts.outcomes == {BodyOutcome.SHOWN: 1}


BINARY = {
    "a gRPC message": ("application/grpc", b"\0\0\0\0\x05\x0a\x03abc"),
    "an image": ("image/png", bytes(range(256))),
    "no type": ("", b"\0\xff\xfe"),
}


@pytest.mark.parametrize("name", BINARY)
def test_bytes_stay_what_they_are(name: str) -> None:
    kind, data = BINARY[name]
    assert base64.b64decode(Shown(data, kind).members["body"]) == data


@pytest.mark.parametrize("depth", [1, 200, 300, 499, 500, 501, 1022, 1024, 5000])
@pytest.mark.parametrize("core", ["1", '{"apikey":"KEY"}'])
def test_whatever_its_depth_json_costs_no_event(depth: int, core: str) -> None:
    """Deeper than a few hundred levels not everybody can read it: it is text, or withheld."""
    nested = f"{'[' * depth}{core.replace('KEY', KEY)}{']' * depth}".encode()
    shown = Shown(nested, JSON)
    assert KEY not in shown.encoded.decode()
    if core == "1":
        is_json = depth <= 500
        assert shown.members["transfer_encoding"] == ("json" if is_json else "base64")


NOT_FOR_EVERYBODY = {
    "half of a surrogate pair": (json.dumps({"a": '{"apikey":"KEY","b":"\\ud800"}'}), JSON),
    "the same as a name": (json.dumps({"a": '{"apikey":"KEY","\\udfff":1}'}), JSON),
    "deep JSON in text": (json.dumps({"a": "[" * 400 + '{"apikey":"KEY"}' + "]" * 400}), JSON),
    "XML in an unknown charset": (
        '<?xml version="1.0" encoding="nobodys"?><a><apikey>KEY</apikey></a>',
        "text/xml",
    ),
}


@pytest.mark.parametrize("name", NOT_FOR_EVERYBODY)
def test_what_few_can_read_costs_no_event(name: str) -> None:
    data, kind = NOT_FOR_EVERYBODY[name]
    shown = Shown(data.replace("KEY", KEY).encode(), kind)
    assert KEY not in str(shown.text)
    assert KEY not in shown.encoded.decode()


def test_a_fault_costs_the_body_only_and_says_nothing_of_it() -> None:
    class Faulty(Masking):
        def url(self, text: str) -> str:
            raise RuntimeError(text)

    config, counts = parse_moesif_config({"application_id": "app"}), BodyCounts()
    credentials = CredentialNames()
    renderer = BodyRenderer(config, credentials, Faulty(config, credentials), counts)
    with capture_logs() as logs:
        members = renderer.request(Bodies(request=CapturedBody(f"cookie: {KEY}".encode())))
    assert members == {}
    assert counts.outcomes == {BodyOutcome.WITHHELD: 1}
    assert [log["event"] for log in logs] == ["a body could not be masked"]
    assert KEY not in str(logs)


def test_numbers_keep_their_digits() -> None:
    long = b'{"id":123456789012345678901234567890,"x":1.50}'
    for data in (long, b'{"password":"p",' + long[1:]):
        parsed = parse_moesif_config({"application_id": "app", "request_body_masks": ["password"]})
        credentials = CredentialNames()
        masking = Masking(parsed, credentials)
        renderer = BodyRenderer(parsed, credentials, masking, BodyCounts())
        members = renderer.request(Bodies(request=CapturedBody(data, JSON)))
        assert long in encode_event(members)


PACKED = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "GZIP, br": lambda data: brotli.compress(gzip.compress(data)),
    "identity": bytes,
    "": bytes,
}
NAKED_DEFLATE = zlib.compressobj(wbits=-15)


@pytest.mark.parametrize("encoding", PACKED)
def test_what_is_packed_is_opened(encoding: str) -> None:
    shown = Shown(
        PACKED[encoding](b'{"a":1,"password":"p"}'), JSON, encoding, request_body_masks=["password"]
    )
    assert shown.text == {"a": 1}


def test_deflate_without_a_header_is_opened_and_so_are_several_members_of_gzip() -> None:
    naked = NAKED_DEFLATE.compress(b'{"a":1}') + NAKED_DEFLATE.flush()
    assert Shown(naked, JSON, "deflate").text == {"a": 1}
    assert Shown(gzip.compress(b'{"a"') + gzip.compress(b":1}"), JSON, "gzip").text == {"a": 1}


def test_what_says_gzip_and_is_not_goes_for_what_it_is() -> None:
    assert Shown(b'{"a":1}', JSON, "gzip").text == {"a": 1}


CLOSED = {
    "cut gzip": ("gzip", gzip.compress(b'{"a":1}')[:-4]),
    "cut brotli": ("br", brotli.compress(b'{"a":1}' * 100)[:-4]),
    "broken deflate": ("deflate", b"\xff" * 20),
    "an unknown packing": ("zstd", b"\x28\xb5\x2f\xfd"),
    "too many packings": ("gzip,gzip,gzip,gzip", b""),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_cannot_be_opened_is_left_out(name: str) -> None:
    encoding, data = CLOSED[name]
    shown = Shown(data or b"x", JSON, encoding)
    assert shown.members == {}
    assert shown.counts.outcomes == {BodyOutcome.WITHHELD: 1}


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
def test_a_bomb_does_not_go_off(encoding: str) -> None:
    shown = Shown(PACKED[encoding](bytes(40_000_000)), "text/plain", encoding)
    assert shown.members == {}
    assert shown.counts.outcomes == {BodyOutcome.TOO_LARGE: 1}


def test_gzip_stays_closed_where_that_is_wanted_unless_a_secret_is_in_it() -> None:
    closed = gzip.compress(b'{"a":1}')
    shown = Shown(closed, JSON, "gzip", disable_gzip_payload_decompression=True)
    assert base64.b64decode(shown.members["body"]) == closed

    secret = gzip.compress(b'{"apikey":"' + KEY.encode() + b'"}')
    shown = Shown(secret, JSON, "gzip", disable_gzip_payload_decompression=True)
    assert shown.members == {}


def test_limits_are_inclusive_and_what_is_larger_is_left_out_whole() -> None:
    assert Shown(b"12345", request_max_body_size_limit=5).text == "12345"
    shown = Shown(b"123456", request_max_body_size_limit=5)
    assert shown.members == {}
    assert shown.counts.outcomes == {BodyOutcome.TOO_LARGE: 1}


def test_no_body_is_shown_that_is_empty_or_not_wanted() -> None:
    assert Shown(b"", JSON).members == {}
    assert Shown(b"{}", JSON, disable_capture_request_body=True).members == {}
    assert Shown(b"{}", JSON, request_max_body_size_limit=0).members == {}


def test_what_the_collector_would_cut_is_left_out() -> None:
    limit = 2_000_000
    assert Shown(b"x" * 330_000, request_max_body_size_limit=limit).members
    assert not Shown(b"x" * 340_000, request_max_body_size_limit=limit).members
    json_body = b'{"a":"' + b"x" * 440_000 + b'"}'
    assert Shown(json_body, JSON, request_max_body_size_limit=limit).members


MASKED = {
    "json": (
        JSON,
        '{"password":"K","a":[{"password":{"x":"K"}}],"Password":1}',
        {"a": [{}], "Password": 1},
    ),
    "json, an escaped name": (JSON, '{"pass\\u0077ord":"K","a":1}', {"a": 1}),
    "json, twice": (JSON, '{"password":"K","password":"K"}', {}),
    "json in json": (JSON, '{"a":"{\\"password\\":\\"K\\",\\"b\\":1}"}', {"a": '{"b":1}'}),
    "a form in json": (JSON, '{"a":"x=1&password=K"}', {"a": "x=1&password=*****"}),
    "graphql in json": (
        JSON,
        '{"query":"mutation { login(password: \\"K\\") }"}',
        {"query": "mutation { login(password:*****"},
    ),
    "json without a type": ("", '{"password":"K","a":1}', '{"a":1}'),
    "json, another type": ("text/plain", '{"a":1,"password":"K"}', '{"a":1,"password":*****'),
    "a form": (FORM, "a=1&password=K&b=2", "a=1&b=2"),
    "a form, an encoded name": (FORM, "a=1&pass%77ord=K", "a=1"),
    "a form, nested": (FORM, "user[password]=K&user.password=K&x[password][]=K&a=1", "a=1"),
    "multipart": (
        MULTIPART,
        part("password", "K") + part("a", "1") + "--b--\r\n",
        part("a", "1") + "--b--\r\n",
    ),
    "multipart, json in it": (
        MULTIPART,
        part("a", '{"password":"K"}', "Content-Type: application/json") + "--b--\r\n",
        part("a", "{}", "Content-Type: application/json") + "--b--\r\n",
    ),
    "xml": (
        "text/xml",
        '<a><n:password x="1">K<b>K</b></n:password><c password="K" d="1"/></a>',
        '<a><c d="1"/></a>',
    ),
    "xml, empty elements": ("text/xml", "<a><password x='K'/>1</a>", "<a>1</a>"),
    "graphql": (
        "application/graphql",
        'mutation {\n login(password: "K")\n id }',
        "mutation {\n login(password:*****\n id }",
    ),
    "text": ("text/plain", "x\npassword = K\ny", "x\npassword =*****\ny"),
    "text, on the next line": ("text/plain", '"password": [\n"K"\n]', '"password":*****'),
    "a gRPC message": ("application/grpc", "\0\1password=K", "\0\1password=*****"),
}


@pytest.mark.parametrize("name", MASKED)
def test_what_the_configuration_masks_is_gone_in_every_kind_of_body(name: str) -> None:
    kind, text, expected = MASKED[name]
    shown = Shown(text.replace("K", KEY).encode(), kind, request_body_masks=["password"])
    assert shown.text == expected


def test_old_names_of_masks_count_where_the_new_are_empty() -> None:
    assert Shown(b'{"x":1,"y":2}', JSON, request_masks=["x"]).text == {"y": 2}
    both = Shown(b'{"x":1,"y":2}', JSON, request_masks=["x"], request_body_masks=["y"])
    assert both.text == {"x": 1}


CREDENTIALS = {
    "json": (
        JSON,
        '{"mY_key":"K","a":{"authorization":["K"]},"cookie":true}',
        {"mY_key": "*****", "a": {"authorization": "*****"}, "cookie": True},
    ),
    "a url in json": (JSON, '{"next":"/b?apikey=K&a=1"}', {"next": "/b?apikey=*****&a=1"}),
    "a header in json": (JSON, '{"a":"Authorization: Bearer K"}', {"a": "Authorization:*****"}),
    "a password in a url": (JSON, '{"a":"https://u:K@h/"}', {"a": "https://*****@h/"}),
    "a form": (FORM, "a=1&api%6bey=K&x[apikey]=K", "a=1&api%6bey=*****&x[apikey]=*****"),
    "a form without a type": ("", "apikey=K", "apikey=*****"),
    "multipart": (MULTIPART, part("apikey", "K") + "--b--", part("apikey", "*****") + "--b--"),
    "xml": (
        "application/xml",
        '<a apikey="K"><apikey t="K">K</apikey><!-- apikey=K --></a>',
        '<a apikey="*****"><apikey t="*****">*****</apikey><!-- apikey=*****',
    ),
    "xml, in a text of its own": (
        "text/xml",
        "<a><![CDATA[<apikey>K</apikey>]]></a>",
        "<a><![CDATA[<apikey*****",
    ),
    "xml without a type": ("", "<a>\n<n:apikey b='1'>\nK</n:apikey>", "<a>\n<n:apikey*****"),
    "multipart without a type": (
        "",
        part("apikey", "K"),
        '--b\r\nContent-Disposition: form-data; name="apikey*****',
    ),
    "a nested form without a type": ("", "user[apikey]=K", "user[apikey]=*****"),
    "a form field": ("text/html", "<input name='apikey' value='K'>", "<input name='apikey*****"),
    "html": ("text/html", "<p>cookies</p>", "<p>cookies</p>"),
}


@pytest.mark.parametrize("name", CREDENTIALS)
def test_credentials_are_masked_in_every_kind_of_body(name: str) -> None:
    kind, text, expected = CREDENTIALS[name]
    assert Shown(text.replace("K", KEY).encode(), kind).text == expected


UNSURE = {
    "broken json": (JSON, '{"apikey":"K'),
    "broken json, a list": (JSON, '{"apikey":\n["K"]'),
    "json of the standard library": (JSON, '{"apikey":"K","n":NaN}'),
    "deep json": (JSON, "[" * 2000 + '{"apikey":"K"}' + "]" * 2000),
    "json that is too deep to be masked": (JSON, "[" * 900 + '{"apikey":"K"}' + "]" * 900),
    "broken xml": ("text/xml", "<apikey>K</a>"),
    "xml with entities": ("text/xml", '<!DOCTYPE a [<!ENTITY k "K">]><apikey>&k;</apikey>'),
    "deep xml": ("text/xml", "<a>" * 600 + "<apikey>K</apikey>" + "</a>" * 600),
    "multipart without an end": (MULTIPART, part("apikey", "K")),
    "multipart without a boundary": ("multipart/form-data", part("apikey", "K") + "--b--"),
    "multipart with bare line feeds": (
        MULTIPART,
        (part("apikey", "K") + "--b--").replace("\r", ""),
    ),
    "multipart with another boundary": (MULTIPART, "--c" + part("apikey", "K") + "--b--"),
}


@pytest.mark.parametrize("name", UNSURE)
def test_what_cannot_be_masked_is_left_out_if_a_secret_may_be_in_it(name: str) -> None:
    kind, text = UNSURE[name]
    shown = Shown(text.replace("K", KEY).encode(), kind)
    assert shown.members == {}
    assert shown.counts.outcomes == {BodyOutcome.WITHHELD: 1}


@pytest.mark.parametrize("name", [*CREDENTIALS, *UNSURE])
def test_a_body_within_a_body_shows_no_more_than_by_itself(name: str) -> None:
    kind, text, *_ = (CREDENTIALS | UNSURE)[name]
    data = text.replace("K", KEY)
    within = {
        JSON: json.dumps({"echo": data}),
        "": data,
        "text/plain": json.dumps(json.dumps([data])),
        MULTIPART: part("a", data, f"Content-Type: {kind}") + "--b--",
    }
    for kind_outside, outside in within.items():
        assert KEY not in str(Shown(outside.encode(), kind_outside).text)


NAMES = st.sampled_from(["apikey", "API_KEY", "my-key", "authorization", "set-cookie"])
NOISE = st.text(st.characters(codec="utf-8", exclude_characters='"\\'), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | NOISE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NOISE, inner, max_size=3),
    max_leaves=8,
)


def nested(name: str, value: Any, depth: int, around: Any) -> Any:
    """Return JSON in which a member with a credential is somewhere."""
    made: Any = {"x": around, name: value}
    for level in range(depth):
        made = [around, made] if level % 2 else {"y": made, "z": around}
    return made


@given(NAMES, VALUES, st.integers(0, 6), st.booleans())
def test_a_key_is_never_shown_wherever_it_is_in_json(
    name: str, around: Any, depth: int, is_listed: bool
) -> None:
    value = [{"v": KEY}] if is_listed else KEY
    data = json.dumps(nested(name, value, depth, around)).encode()
    for kind in (JSON, ""):
        assert KEY not in str(Shown(data, kind).text)
    in_text = json.dumps({"echo": data.decode()}).encode()
    assert KEY not in str(Shown(in_text, JSON).text)


@given(NAMES, st.lists(st.tuples(NOISE, NOISE), max_size=4), st.integers(0, 4))
def test_a_key_is_never_shown_wherever_it_is_in_a_form(
    name: str, others: list[tuple[str, str]], position: int
) -> None:
    arguments = [f"{quote_plus(a)}={quote_plus(b)}" for a, b in others]
    arguments.insert(position, "".join(f"%{ord(c):02x}" for c in name) + f"={KEY}")
    data = "&".join(arguments).encode()
    for kind in (FORM, "", "text/plain"):
        assert KEY not in str(Shown(data, kind).text)


@given(st.binary(max_size=200), st.sampled_from([JSON, FORM, MULTIPART, "text/xml", "", "a/b"]))
def test_anything_may_be_sent(data: bytes, kind: str) -> None:
    Shown(data, kind, request_body_masks=["a"])


@given(st.text(max_size=60), st.sampled_from(["", "gzip", "br", "deflate", "utf-8"]))
def test_no_header_does_harm(text: str, encoding: str) -> None:
    Shown(b"a=1", text, encoding)
    Shown(b"a=1", f"multipart/form-data; boundary={text}", text)
    Shown(b'{"a":1}', f"application/json; charset={text}")
