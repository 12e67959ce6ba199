"""Events as JSON, and many of them as the body of one request.

JSON as it is written here has no line breaks, so that one behind each comma between the events of
a body lets it be taken apart again without being parsed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from isal import igzip

from analytics.collector import Payload

_SEPARATOR = b",\n"
_encoder = msgspec.json.Encoder()
_buffer = bytearray()  # of the event that is being encoded: it has grown to the usual size
_LEVEL = 1  # of ISA-L: smaller than zlib's level 1 in a quarter of its time


def encode_event(event: msgspec.Struct | Mapping[str, Any]) -> bytes:
    """Return an event as JSON, in no more memory than it needs."""
    # What an encoder makes by itself may keep the buffer that it was written to.
    _encoder.encode_into(event, _buffer)
    return bytes(_buffer)


def encode_batch(events: Iterable[bytes], *, compress: bool) -> Payload:
    """Return a JSON array of encoded events, gzip'd if wanted."""
    if compress:
        return Payload(compress_events(events), "gzip")
    return Payload(b"[" + join_events(events) + b"]", None)


def compress_events(events: Iterable[bytes]) -> bytes:
    """Return the gzip'd JSON array of encoded events."""
    members = [*events] or [b""]
    # On the first and the last: brackets around what is joined would have megabytes copied twice.
    members[0] = b"[" + members[0]
    members[-1] += b"]"
    return igzip.compress(join_events(members), _LEVEL)


def open_payload(body: bytes, *, compress: bool) -> Payload:
    """Return what to send of a gzip'd JSON array.

    Raises:
        OSError, EOFError: It is none.
    """
    return Payload(body, "gzip") if compress else Payload(_inflate(body), None)


def open_events(body: bytes) -> list[bytes]:
    """Return the encoded events of a gzip'd JSON array.

    Raises:
        OSError, EOFError: It is none.
    """
    return split_events(_inflate(body)[1:-1])


def join_events(events: Iterable[bytes]) -> bytes:
    """Return encoded events as the members of a JSON array."""
    return _SEPARATOR.join(events)


def split_events(members: bytes) -> list[bytes]:
    """Return what ``join_events`` joined."""
    return members.split(_SEPARATOR) if members else []


def _inflate(body: bytes) -> bytes:
    inflated: bytes = igzip.decompress(body)  # type: ignore[no-untyped-call]  # the library's is not
    return inflated
