"""Turns messages of Envoy's ext_proc filter into plain values; nothing is ever answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import Struct

from analytics.pb.bodies_pb2 import HttpHeaders, ProcessingRequest

# The attributes that the filter is to send, from which it follows whose body this is.
REQUEST_ID, REQUEST_TIME = "request.id", "request.time"

_REQUEST_ID_HEADER = "x-request-id"
_EPOCH = datetime.fromtimestamp(0, UTC)
_MICROSECOND = timedelta(microseconds=1)


class Side(Enum):
    """Which body a message is about."""

    REQUEST = "request"
    RESPONSE = "response"


@dataclass(frozen=True, slots=True)
class Head:
    """What the headers say about the body that follows; empty or None where they do not."""

    content_type: str
    content_encoding: str
    content_length: int | None


@dataclass(frozen=True, slots=True)
class Seen:
    """One message.

    Attributes:
        side: Which body it is about.
        is_observed: Envoy waits for no answer.
        head: Of a message with headers.
        chunk: Of a message with a part of the body.
        ends: Nothing follows on this side.
        request_id: Envoy's id of the request; empty where the message does not say.
        started: Microseconds since the epoch at which the request began; None: not said.
    """

    side: Side
    is_observed: bool
    head: Head | None
    chunk: bytes
    ends: bool
    request_id: str
    started: int | None


def decode(payload: bytes) -> Seen:
    """Read a ProcessingRequest.

    Raises:
        ValueError: It is none.
    """
    try:
        message = ProcessingRequest.FromString(payload)
    except DecodeError:
        raise ValueError("not a ProcessingRequest") from None
    kind = message.WhichOneof("request") or ""
    side = Side.RESPONSE if kind.startswith("response") else Side.REQUEST
    attributes = list(message.attributes.values())
    request_id, started = _text(attributes, REQUEST_ID), _time(_text(attributes, REQUEST_TIME))
    head, chunk, ends = None, b"", kind.endswith("trailers")
    if kind.endswith("headers"):
        sent: HttpHeaders = getattr(message, kind)
        headers = _headers(sent)
        head, ends = _head(headers), sent.end_of_stream
        if side is Side.REQUEST:  # what comes with a response may be the upstream's own
            request_id = request_id or headers.get(_REQUEST_ID_HEADER, "")
    elif kind.endswith("body"):
        body = getattr(message, kind)
        chunk, ends = body.body, body.end_of_stream
    return Seen(side, message.observability_mode, head, chunk, ends, request_id, started)


def _text(attributes: Iterable[Struct], name: str) -> str:
    for struct in attributes:
        if name in struct.fields:
            return str(struct.fields[name].string_value)
    return ""


def _time(text: str) -> int | None:
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (ValueError, TypeError):  # no time, or one without a zone
        return None


def _headers(sent: HttpHeaders) -> dict[str, str]:
    return {
        header.key.lower(): (header.raw_value or header.value.encode()).decode("utf-8", "replace")
        for header in sent.headers.headers
    }


def _head(headers: Mapping[str, str]) -> Head:
    length = headers.get("content-length", "")
    return Head(
        content_type=headers.get("content-type", ""),
        content_encoding=headers.get("content-encoding", ""),
        content_length=int(length) if length.isascii() and length.isdigit() else None,
    )
