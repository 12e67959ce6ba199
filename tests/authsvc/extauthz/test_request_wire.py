"""What is read off the bytes of a request is what protobuf reads, or nothing is read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.extauthz.header_shapes import HeaderShapes
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest
from tests.examples import examples
from tests.fakes.wire_messages import (
    Field,
    Message,
    change,
    changes,
    envoys_message,
    message,
)
from tests.fakes.wire_oracle import a_wire, read

# It reads all examples of a test: what it remembers of one must not change what it sees in another.
WIRE = a_wire()

NAMES = [
    "api_key",
    "API-Key",
    "api-\u212aey",
    "x-moesif-transaction-id",
    ":path",
    "accept",
    "Accept",
    "content-type",
    "x-request-id",
    "token",
    "",
    "\u00e9",
]
ascii_text = st.text(st.characters(codec="ascii"), max_size=12)
names = st.sampled_from(NAMES) | ascii_text
values = st.binary(max_size=20) | st.integers(100, 300).map(lambda size: b"v" * size)
paths = (
    ascii_text | st.just("/") | st.integers(100, 300).map(lambda size: "/" + "p" * size) | st.text()
)


def envoys_request(
    headers: list[tuple[str, bytes]], *, path: str = "/v1?a=1", raw: bool = True, **changes: str
) -> CheckRequest:
    """Return a request as Envoy 1.40 fills it in."""
    request = CheckRequest()
    attributes = request.attributes
    attributes.source.address.socket_address.address = "192.0.2.10"
    attributes.source.address.socket_address.port_value = 51234
    attributes.source.principal = changes.get("principal", "")
    attributes.destination.address.socket_address.address = "192.0.2.20"
    attributes.request.time.FromNanoseconds(1_800_000_000_123_456_789)
    http = attributes.request.http
    http.id = "1234567890123456789"
    http.method = changes.get("method", "GET")
    http.path = path
    http.host = changes.get("host", "api.example.com")
    http.scheme = "https"
    http.protocol = "HTTP/1.1"
    for name, value in headers:
        if raw:
            http.header_map.headers.add(key=name, raw_value=value)
        else:
            http.headers[name] = value.decode("latin-1")
    for name in ("route", "service"):
        if name in changes:
            attributes.context_extensions[name] = changes[name]
    attributes.metadata_context.SetInParent()
    attributes.route_metadata_context.SetInParent()
    return request


KEYED = [(":path", b"/v1?a=1"), ("api-key", b"good"), ("accept", b""), ("cookie", b"c" * 200)]

# Mostly as it should be: what is wrong in several places is read by nobody.
requests = st.builds(
    envoys_request,
    st.permutations(KEYED[:3])
    | st.lists(st.tuples(names, values), max_size=3).map(lambda more: [*more, *KEYED]),
    path=st.just("/") | paths,
    raw=st.booleans(),
    method=st.sampled_from(["GET", "OPTIONS", "GET", ""]),
    host=st.sampled_from(["a", "a,b", "a", "\u00e9", "h" * 130]),
    principal=st.sampled_from(["", "", "spiffe://" + "p" * 130]),
    route=st.sampled_from(["items", "\u00e9", ""]),
)


def broken(payload: bytes, at: int, added: bytes, left_out: int) -> bytes:
    """Return a message with some bytes in place of others."""
    at %= len(payload) + 1
    return payload[:at] + added + payload[at + left_out :]


@given(requests.map(CheckRequest.SerializeToString))
def test_of_what_protobuf_writes_the_same_is_read(payload: bytes) -> None:
    read(WIRE, payload)


@settings(max_examples=examples(150))
@given(
    requests.map(CheckRequest.SerializeToString),
    st.lists(
        st.tuples(st.integers(0, 800), st.binary(min_size=1, max_size=1), st.just(1))
        | st.tuples(st.integers(0, 800), st.binary(max_size=3), st.integers(0, 3)),
        min_size=1,
        max_size=2,
    ),
)
def test_of_what_is_broken_the_same_is_read(
    payload: bytes, breaks: list[tuple[int, bytes, int]]
) -> None:
    for each in breaks:
        payload = broken(payload, *each)
    read(WIRE, payload)
    read(a_wire(), payload)


@settings(max_examples=examples(250))
@given(st.booleans(), st.lists(changes, max_size=3))
def test_however_a_message_is_written_the_same_is_read(
    raw: bool, changed: list[tuple[int, int, int, object]]
) -> None:
    changing = envoys_message(raw=raw)
    for each in changed:
        change(changing, *each)
    read(WIRE, changing.write())
    read(a_wire(), changing.write())


@pytest.mark.parametrize("raw", [True, False], ids=["header_map", "headers"])
@pytest.mark.parametrize("names", [{}, {"route": "items"}, {"route": "items", "service": "shop"}])
def test_what_envoy_writes_is_read(raw: bool, names: dict[str, str]) -> None:
    headers = KEYED if raw else KEYED[:3]
    asked = read(WIRE, envoys_request(headers, raw=raw, **names).SerializeToString())

    assert asked is not None
    assert asked[1:5] == (b"GET", b"/v1?a=1", b"api.example.com", b"good")
    assert (asked[0].route, asked[0].service) == (names.get("route"), names.get("service"))


def test_a_long_path_and_long_headers_are_read() -> None:
    long = [("cookie", b"c" * 3000), ("accept", b"a" * 128), ("api-key", b"k" * 100)]
    asked = read(WIRE, envoys_request(long, path="/" * 5000).SerializeToString())

    assert asked is not None
    assert (len(asked[2]), asked[4]) == (5000, b"k" * 100)


LEFT_TO_PROTOBUF = {
    "an empty key": envoys_request([("api-key", b"")]),
    "two keys": envoys_request([("api-key", b"good"), ("API_KEY", b"good")]),
    "a key in a name that is lower case elsewhere": envoys_request(
        [("api-key", b"good"), ("api-\u212aey", b"good")]
    ),
    "a transaction id": envoys_request([*KEYED, ("X-Moesif-Transaction-Id", b"1")]),
    "a transaction id and no key": envoys_request([("X-Moesif-Transaction-Id", b"1")]),
    "an empty key and another": envoys_request([("api-key", b""), ("api_key", b"good")]),
    "a long key": envoys_request([("api-key", b"k" * 200)]),
    "a path that is not ASCII": envoys_request(KEYED, path="/\u00e9"),
    "a body": envoys_request(KEYED),
    "no path": envoys_request(KEYED, path=""),
    "no method": envoys_request(KEYED, method=""),
    "as much as to be long": envoys_request([*KEYED, ("a", b"a" * 16_384)]),
}
LEFT_TO_PROTOBUF["a body"].attributes.request.http.raw_body = b"api-key: good"


@pytest.mark.parametrize("request_", LEFT_TO_PROTOBUF.values(), ids=LEFT_TO_PROTOBUF)
def test_some_is_left_to_protobuf(request_: CheckRequest) -> None:
    assert read(WIRE, request_.SerializeToString()) is None


def cut(raw_value: bytes, missing: int) -> bytes:
    """Return a message that ends within its last header, with the right length for all of it."""
    http = message((0x12, b"GET"), (0x22, b"/"), (0x2A, b"host"))
    http.fields.append(Field(0x6A, message((0x0A, message((0x0A, b"api-key"), (0x1A, raw_value))))))
    attributes = message((0x22, message((0x12, http)))).write()[:-missing]
    return Field(0x0A, attributes).write()


def with_two_byte_length(attributes: bytes) -> bytes:
    """Return a message whose length is said in two bytes of three that it takes."""
    size = len(attributes)
    return bytes((0x0A, size & 0x7F | 0x80, size >> 7)) + attributes


def keyed(*header: tuple[int, bytes], idle: tuple[int, int] = (0, 0)) -> bytes:
    """Return a message with a header of these fields, with idle bytes in the lengths of both."""
    whole = envoys_message(raw=True)
    inner = message(*header)
    for each in inner.fields:
        assert isinstance(each, Field)
        each.idle = idle[1] if each.tag == 0x1A else 0
    at = Field(0x6A, Message([Field(0x0A, inner, idle[0])]))
    http = next(each for each in whole.messages() if len(each.fields) == 7)
    http.fields[-1] = at
    return whole.write()


def with_both(*, key: bytes = b"api-key") -> bytes:
    """Return a message with headers in both forms; of those that do not count one has this name."""
    whole, other = envoys_message(raw=False), envoys_message(raw=True)
    [mapped] = [each for each in whole.messages() if len(each.fields) > 7]
    mapped.fields[3] = Field(0x1A, message((0x0A, key), (0x12, b"good")))
    [raw] = [each for each in other.messages() if len(each.fields) == 7]
    mapped.fields.append(raw.fields[-1])
    return whole.write()


def without_headers(*after: tuple[int, Message]) -> bytes:
    """Return a message with no header, and these fields after the request."""
    http = message((0x12, b"GET"), (0x22, b"/"), (0x2A, b"host"))
    return message((0x0A, message((0x22, message((0x12, http))), *after))).write()


@pytest.mark.parametrize("raw", [True, False], ids=["header_map", "headers"])
@pytest.mark.parametrize("path", ["/", "/?api_key=good"])
def test_of_a_request_without_a_key_the_rest_is_read(raw: bool, path: str) -> None:
    asked = read(WIRE, envoys_request([("accept", b"*/*")], path=path, raw=raw).SerializeToString())

    assert asked is not None
    assert asked[1:5] == (b"GET", path.encode(), b"api.example.com", b"")


def test_headers_in_a_form_that_does_not_count_have_no_key() -> None:
    asked = read(WIRE, with_both(key=b"accept"))

    assert asked is not None
    assert asked[4] == b"good"


def without_method() -> bytes:
    """Return a message with a method that has nothing in it."""
    whole = envoys_message(raw=True)
    [http] = [each for each in whole.messages() if len(each.fields) == 7]
    http.fields[1] = Field(0x12, b"")
    return whole.write()


NAME = (0x0A, b"api-key")
USUAL = envoys_message(raw=True).write()
STRANGE = {
    "more after it": USUAL + Field(0x52, b"\x0a\x07service\x12\x01s").write(),
    "an end within a header": cut(b"good" * 5, 3),
    "a length in two bytes of three": with_two_byte_length(
        # The request itself is short enough for two.
        envoys_request([*KEYED, ("a", b"a" * 15_800)], principal="p" * 700).SerializeToString()[4:]
    ),
    "both forms of headers": with_both(),
    "an empty method": without_method(),
    "no header": without_headers(),
    "no header, and what follows has the number of some": without_headers((0x6A, message())),
    "an idle byte in a header": keyed(NAME, (0x1A, b"good"), idle=(1, 0)),
    "an idle byte in a value": keyed(NAME, (0x1A, b"good"), idle=(0, 1)),
    "a value in place of a name": keyed((0x12, b"api-key"), (0x1A, b"good")),
    "an empty value": keyed(NAME, (0x1A, b"")),
    "text": keyed(NAME, (0x12, b"good")),
    "a name again": keyed(NAME, (0x0A, b"accept")),
}


@pytest.mark.parametrize("payload", STRANGE.values(), ids=STRANGE)
def test_what_envoy_does_not_write_is_left_to_protobuf(payload: bytes) -> None:
    assert read(WIRE, payload) is None


def test_a_key_within_a_value_is_no_key() -> None:
    inside = envoys_request([("accept", b"\x0a\x0f\x0a\x07api-key\x1a\x04evil")])
    asked = read(WIRE, inside.SerializeToString())
    assert asked is not None
    assert asked[4] == b""


def test_nothing_is_read_of_a_part() -> None:
    whole = envoys_request(KEYED).SerializeToString()
    for end in range(len(whole)):
        assert read(WIRE, whole[:end]) is None


def test_what_is_remembered_is_bounded() -> None:
    wire = a_wire(capacity=3)
    for number in range(8):
        request = envoys_request(KEYED, route=f"route-{number}")
        request.attributes.source.address.socket_address.port_value = number
        assert read(wire, request.SerializeToString())
        assert 0 < len(wire._terms) <= 3
        assert 0 < len(wire._peers) <= 3


def test_the_shapes_that_are_remembered_are_bounded() -> None:
    shapes = HeaderShapes(("api-key",), is_raw=True, capacity=3)
    for number in range(8):
        name = b"a" * number
        header = Field(0x0A, Field(0x0A, name).write() + Field(0x1A, b"value").write()).write()
        assert shapes.learn(header, 0) == len(header)
        assert 0 < len(shapes.steps) <= 3


def test_no_value_is_remembered() -> None:
    wire = a_wire()
    headers = [("a", b"canary"), ("api-key", b"canary"), ("b", b"canary" * 50), ("c", b"")]
    for raw in (True, False):
        assert read(
            wire, envoys_request(headers[:3] if raw else headers[:2], raw=raw).SerializeToString()
        )
    [terms] = wire._terms.values()
    remembered = [*wire._terms, *wire._peers, *terms.raw.steps, *terms.mapped.steps]
    assert not [each for each in remembered if b"canary" in each or b"ca" in each]
