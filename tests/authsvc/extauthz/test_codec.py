"""Claims about check requests and answers as bytes."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.answer import Allowed, Answer, Refused
from authsvc.denial import Denial
from authsvc.extauthz.codec import CodecError, decode
from authsvc.extauthz.pb.extauthz_pb2 import CheckRequest, CheckResponse, HeaderValueOption
from authsvc.extauthz.response_wire import encode
from authsvc.request import Request
from tests.fakes.check_requests import check_request

LINES = (("apikey", b"a"), ("X-Other", b"\xff\xfe"), ("apikey", b"b"))


def test_raw_headers_keep_lines_apart_and_bytes_as_they_are() -> None:
    request = decode(check_request(path="/r?a=1", headers=LINES).SerializeToString())
    assert request == Request(
        method="GET",
        path="/r?a=1",
        headers=(("apikey", b"a"), ("x-other", b"\xff\xfe"), ("apikey", b"b")),
    )
    assert not request.joined


def test_joined_headers_are_marked_as_such() -> None:
    request = decode(check_request(headers=LINES, raw=False).SerializeToString())
    assert request.joined
    assert dict(request.headers) == {"apikey": b"a,b", "x-other": b"!!"}


def test_raw_headers_go_before_joined_ones_even_if_there_are_none() -> None:
    message = check_request(headers=())
    message.attributes.request.http.headers["apikey"] = "K"
    request = decode(message.SerializeToString())
    assert (request.headers, request.joined) == ((), False)


def test_a_raw_header_may_come_as_text() -> None:
    message = check_request()
    message.attributes.request.http.header_map.headers.add(key="Apikey", value="é")
    assert decode(message.SerializeToString()).headers == (("apikey", "é".encode()),)


PARTIAL = "x-envoy-auth-partial-body"
# body, size, headers: what is left of it
BODIES: dict[str, tuple[bytes, int, tuple[tuple[str, bytes], ...], bytes | None]] = {
    "whole": (b"a=1", 3, (), b"a=1"),
    "of unknown size": (b"a=1", -1, (), b"a=1"),
    "without a size": (b"a=1", 0, (), b"a=1"),
    "none": (b"", 0, (), None),
    "not sent": (b"", 10, (), None),
    "cut, by its size": (b"a=1", 4, (), None),
    "cut, by Envoy's word": (b"a=1", 3, ((PARTIAL, b"true"),), None),
    "whole, by Envoy's word": (b"a=1", 3, ((PARTIAL, b"false"),), b"a=1"),
    "whole by the client's word, cut by Envoy's": (
        b"a=1",
        3,
        ((PARTIAL, b"false"), (PARTIAL, b"true")),
        None,
    ),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("raw", [True, False])
def test_a_body_that_is_not_whole_counts_as_none(name: str, raw: bool) -> None:
    body, size, headers, expected = BODIES[name]
    message = check_request(method="POST", body=body, size=size, headers=headers, raw=raw)
    assert decode(message.SerializeToString()).body == expected


def test_a_body_may_come_as_text() -> None:
    message = check_request()
    message.attributes.request.http.body = "a=é"
    assert decode(message.SerializeToString()).body == "a=é".encode()


def extensions(message: CheckRequest, **names: str) -> None:
    for name, value in names.items():
        message.attributes.context_extensions[name] = value


def typed(message: CheckRequest, **names: object) -> None:
    metadata = message.attributes.route_metadata_context.filter_metadata
    metadata["tollkeeper"].update(names)


NAMES: dict[str, tuple[Callable[[CheckRequest], None], tuple[str | None, str | None]]] = {
    "none": (lambda _message: None, (None, None)),
    "extensions": (lambda m: extensions(m, route="r", service="s", x="y"), ("r", "s")),
    "only a route": (lambda m: extensions(m, route="r"), ("r", None)),
    "empty extensions": (lambda m: extensions(m, route="", service=""), (None, None)),
    "typed": (lambda m: typed(m, route="r", service="s"), ("r", "s")),
    "typed before extensions": (
        lambda m: (typed(m, route="t"), extensions(m, route="r", service="s"))[0],
        ("t", None),
    ),
    "typed without a name": (
        lambda m: (typed(m, plan="x"), extensions(m, route="r"))[0],
        ("r", None),
    ),
    "typed with something else than text": (
        lambda m: (typed(m, route=5, service=["s"]), extensions(m, route="r"))[0],
        ("r", None),
    ),
    "typed for somebody else": (
        lambda m: m.attributes.route_metadata_context.filter_metadata["x"].update({"route": "r"}),
        (None, None),
    ),
}


@pytest.mark.parametrize("name", NAMES)
def test_route_and_service_come_from_the_first_that_has_them(name: str) -> None:
    fill, expected = NAMES[name]
    message = check_request()
    fill(message)
    request = decode(message.SerializeToString())
    assert (request.route, request.service) == expected


def test_a_connect_request_without_a_path_can_be_asked_about() -> None:
    assert decode(check_request(method="CONNECT", path="").SerializeToString()).path == ""


# A protobuf string that is not UTF-8: attributes.request.http.method = ff
NO_UTF8 = bytes.fromhex("0a07 2205 1203 1201 ff")
UNREADABLE = {
    "nothing": b"",
    "no protobuf": b"\xff\xff\xff",
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "no http": CheckRequest().SerializeToString(),
    "no method": check_request(method="").SerializeToString(),
    "no utf-8": NO_UTF8,
    "cut": check_request(path="/long/enough").SerializeToString()[:-3],
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_check_request_is_refused(name: str) -> None:
    with pytest.raises(CodecError) as raised:
        decode(UNREADABLE[name])
    assert "GET" not in str(raised.value)


@given(st.binary())
def test_no_bytes_raise_anything_else(payload: bytes) -> None:
    with suppress(CodecError):
        assert isinstance(decode(payload), Request)


VALID = check_request(
    method="POST", path="/?apikey=K", headers=LINES, body=b"apikey=K", route="r"
).SerializeToString()


@given(st.integers(0, len(VALID) - 1), st.binary(max_size=4), st.integers(0, 8))
def test_no_damaged_request_raises_anything_else(at: int, put: bytes, taken: int) -> None:
    with suppress(CodecError):
        assert isinstance(decode(VALID[:at] + put + VALID[at + taken :]), Request)


def decoded(answer: Answer) -> CheckResponse:
    return CheckResponse.FromString(encode(answer))


def written(options: list[HeaderValueOption]) -> dict[str, str]:
    """Return headers as Envoy reads them: from ``value``, overwriting, kept when empty if told."""
    assert all(one.append_action == HeaderValueOption.OVERWRITE_IF_EXISTS_OR_ADD for one in options)
    assert not any(one.header.raw_value for one in options)
    assert all(one.header.value or one.keep_empty_value for one in options)
    return {one.header.key: one.header.value for one in options}


def test_an_allowed_request_is_told_what_changes() -> None:
    response = decoded(
        Allowed(
            {"result": "allow", "anonymous": False},
            {"x-consumer-id": "c", "x-consumer-groups": ""},
            ["apikey"],
            "/r?b=2",
        )
    )
    assert response.status.code == 0
    assert response.HasField("ok_response")
    assert written(list(response.ok_response.headers)) == {
        "x-consumer-id": "c",
        "x-consumer-groups": "",
        ":path": "/r?b=2",
    }
    assert list(response.ok_response.headers_to_remove) == ["apikey"]
    assert not response.ok_response.query_parameters_to_remove
    assert dict(response.dynamic_metadata) == {"result": "allow", "anonymous": False}


def test_a_path_that_does_not_change_is_not_written() -> None:
    response = decoded(Allowed({"result": "allow"}, {"x-consumer-id": "c"}, []))
    assert ":path" not in written(list(response.ok_response.headers))


def test_the_client_gets_headers_with_what_the_upstream_answers() -> None:
    told = {"x-moesif-transaction-id": "an-id"}
    response = decoded(Allowed({"result": "allow"}, told, [], response_headers=told))
    assert written(list(response.ok_response.headers)) == told
    assert written(list(response.ok_response.response_headers_to_add)) == told


def test_a_refusal_carries_its_answer() -> None:
    denial = Denial(401, (("www-authenticate", "Key"), ("content-type", "text/plain")), "no")
    response = decoded(Refused({"result": "deny"}, denial, "deny"))
    assert response.status.code == 16
    assert response.denied_response.status.code == 401
    assert response.denied_response.body == "no"
    assert written(list(response.denied_response.headers)) == dict(denial.headers)
    assert not response.HasField("error_response")


def test_an_outage_is_an_error_response() -> None:
    response = decoded(Refused({"result": "error"}, Denial(503, (), "later"), "error"))
    assert response.status.code == 14
    assert response.error_response.status.code == 503
    assert response.error_response.body == "later"
    assert not response.HasField("denied_response")


texts = st.text(st.characters(exclude_categories=["Cs"]))
headers = st.dictionaries(texts, texts)
metadata = st.dictionaries(texts, texts | st.booleans())
answers = st.builds(
    Allowed, metadata, headers, st.lists(texts, min_size=1), st.none() | texts
) | st.builds(
    Refused,
    metadata,
    st.builds(Denial, st.integers(100, 599), st.lists(st.tuples(texts, texts)).map(tuple), texts),
    st.sampled_from(["deny", "error"]),
)


@given(answers)
def test_no_answer_is_empty_and_only_an_allowed_one_has_code_zero(answer: Answer) -> None:
    response = decoded(answer)
    assert encode(answer)
    assert (response.status.code == 0) is isinstance(answer, Allowed)
    assert response.WhichOneof("http_response") is not None
    assert response.HasField("ok_response") is isinstance(answer, Allowed)


def test_the_clients_address_is_that_of_the_source() -> None:
    message = check_request()
    assert decode(message.SerializeToString()).client_address is None
    message.attributes.source.address.pipe.path = "/socket"
    assert decode(message.SerializeToString()).client_address is None
    message.attributes.source.address.socket_address.address = "2001:db8::1"
    assert decode(message.SerializeToString()).client_address == "2001:db8::1"
