"""Entries of the access log as trees, to be changed as ``wire_messages`` changes messages."""

from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from tests.fakes.envoy_log import entry, said, socket
from tests.fakes.wire_messages import STRANGE, Field, Message

_LENGTH = 2  # the kind of a field that has one


def rich_entry() -> Message:
    """Return an entry with something in every field that is read, and in some that are not."""
    metadata = said(
        result="allow",
        username="jane",
        consumer_id="c-1",
        anonymous=False,
        route="items",
        authority="api.test",
        transaction_id="t-1",
        ext_authz_duration=3,
        company_id=None,
    )["metadata"]
    metadata["filter_metadata"] |= {
        "envoy.filters.http.jwt_authn": {"payload": {"sub": "u", "n": [1, {"of": None}]}},
        "envoy.lb": {"canary": True},
    }
    logged = entry(
        common={
            "metadata": metadata,
            "time_to_last_rx_byte": "0.001s",
            "time_to_first_upstream_rx_byte": "1.050s",
            "time_to_last_upstream_rx_byte": "0.060s",
            "time_to_last_downstream_tx_byte": "0.070s",
            "downstream_direct_remote_address": socket("10.0.0.9"),
            "downstream_local_address": socket("::1", 8000),
            "upstream_remote_address": socket("10.0.0.2", 80),
            "upstream_local_address": socket("10.0.0.3", 45_000),
            "upstream_cluster": "orders",
            "upstream_transport_failure_reason": "tls",
            "upstream_request_attempt_count": 2,
            "response_flags": {"no_healthy_upstream": True, "unauthorized_details": {}},
            "route_name": "route-of-envoy",
            "tls_properties": {"tls_version": "TLSv1_3", "tls_sni_hostname": "a.test"},
            "custom_tags": {"env": "prod", "zone": ""},
            "downstream_wire_bytes_sent": 2**40,
            "sample_rate": 0.5,
            "access_log_type": "DownstreamEnd",
        },
        request={
            "original_path": "/v1/items",
            "user_agent": "curl",
            "referer": "https://r",
            "forwarded_for": "1.1.1.1",
            "request_id": "r-1",
            "port": 443,
            "request_headers_bytes": 1,
            "request_body_bytes": 300,
            "request_headers": {"Accept": "*/*", ":method": "GET", "x-long": "v" * 200},
        },
        response={
            "response_headers": {"Content-Type": "text/plain", "etag": '"1"'},
            "response_trailers": {"grpc-status": "0"},
            "response_headers_bytes": 3,
            "response_body_bytes": 70_000,
            "response_code_details": "via_upstream",
        },
    )
    return tree_of(logged.SerializeToString(deterministic=True), logged.DESCRIPTOR)


def tree_of(data: bytes, shape: Descriptor) -> Message:
    """Return the fields of a message, and of all messages within it."""
    fields: list[Field | bytes] = []
    at = 0
    while at < len(data):
        start = at
        tag, at = _number(data, at)
        known: Any = shape.fields_by_number.get(tag >> 3)
        if tag & 7 == _LENGTH:
            size, at = _number(data, at)
            at += size
            part = data[at - size : at]
            is_message = known is not None and known.type == FieldDescriptor.TYPE_MESSAGE
            fields.append(Field(tag, tree_of(part, known.message_type) if is_message else part))
        else:
            at = _number(data, at)[1] if tag & 7 == 0 else at + {1: 8, 5: 4}[tag & 7]
            fields.append(data[start:at])
    return Message(fields)


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while data[at] & 0x80:
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | data[at] << shift, at + 1


# Numbers that are longer than they need be, or need be longer than fits; negative ones.
NUMBERS = [
    b"\x00",
    b"\x01",
    b"\x06",
    b"\x80\x00",
    b"\x86" + b"\x80" * 8 + b"\x00",
    b"\xff\xff\xff\xff\x07",
    b"\x80\x80\x80\x80\x08",
    b"\x86\x80\x80\x80\x10",
    b"\xff" * 8 + b"\x7f",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 9 + b"\x7f",
    b"\xff" * 10 + b"\x01",
]
FIELDS = [*range(1, 17), 17, 20, 22, 23, 24, 26, 27, 33, 40, 2047, 2048]
# Every field as a number, as eight bytes, as a message or a packed list, as a group, as four bytes.
TAGS = [field << 3 | kind for field in FIELDS for kind in (0, 1, 2, 3, 4, 5, 6)]


def tag_bytes(tag: int) -> bytes:
    """Write a tag."""
    out = bytearray()
    while tag > 0x7F:
        out.append(tag & 0x7F | 0x80)
        tag >>= 7
    return bytes((*out, tag))


TEXTS = [
    b"",
    b"\xc3\xa9",
    b"\xff",
    b"\xed\xa0\x80",
    b"GET",
    b":method",
    b"ETag",
    b"user:secret@host",
    b"anonymous",
    b"true",
    b"route",
    b"envoy.filters.http.ext_authz",
    b"envoy.filters.http.jwt_authn",
    b"\x08\x80\x80\x80\x80\x20",
    b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x10\x80\x94\xeb\xdc\x03",
    b"\x10\x05\x08\x01\x10\x06",
    b"\x20\x01",
    b"\x1a\x04true\x20\x00",
    b"\x1a\x01a",
    b"\x0a\x03key\x12\x05value",
    b"\x12\x05value\x0a\x03key",
    b"t" * 127,
    b"t" * 128,
    b"t" * 600,
]
_added = st.sampled_from(STRANGE) | st.builds(
    bytes.__add__,
    st.sampled_from(TAGS).map(tag_bytes),
    st.sampled_from(NUMBERS)
    | st.sampled_from(TEXTS).map(lambda text: bytes((len(text) & 0x7F,)) + text),
)

#: Which message, which field of it, where to, and what: for ``wire_messages.change``.
changes = st.tuples(
    st.integers(0, 80),
    st.integers(0, 25),
    st.integers(0, 25),
    st.sampled_from(["again", "away", "elsewhere"])
    | _added.map(lambda each: ("strange", each))
    | st.sampled_from(TEXTS).map(lambda each: ("text", each))
    | st.sampled_from(TAGS).map(lambda each: ("tag", each))
    | st.sampled_from([1, 2, 3, 8]).map(lambda each: ("idle", each)),
)
