"""A CheckResponse, written as bytes.

Building it of generated classes costs as much as all the rest of a check.  What is written here is
what protobuf reads back; a test compares the two on every answer that hypothesis makes.

Envoy's rules that are easy to get wrong, all from tests against Envoy 1.40:

* ``status.code`` alone decides; an empty response, or a denial with code 0, lets the request pass.
* Headers are read from ``value``; with ``raw_value`` the upstream gets an empty header.
* Only OVERWRITE_IF_EXISTS_OR_ADD means the same in every version.

Field numbers: ``proto/extauthz.proto``.
"""

from functools import lru_cache
from typing import Final

from authsvc.answer import Allowed, Answer, Metadata, Refused

# Tags: the number of a field, and that it has a length.
_STATUS: Final = b"\x0a"
_DENIED_RESPONSE: Final = b"\x12"
_OK_RESPONSE: Final = b"\x1a"
_ERROR_RESPONSE: Final = b"\x2a"
_DYNAMIC_METADATA: Final = b"\x22"
_STRUCT_FIELD: Final = b"\x0a"
_ENTRY_KEY: Final = b"\x0a"
_ENTRY_VALUE: Final = b"\x12"
_STRING_VALUE: Final = b"\x1a"
_HTTP_STATUS: Final = b"\x0a"
_BODY: Final = b"\x1a"
_SET_HEADER: Final = b"\x12"  # in a denial too
_REMOVED_HEADER: Final = b"\x2a"
_RESPONSE_HEADER: Final = b"\x32"
_HEADER: Final = b"\x0a"
_HEADER_KEY: Final = b"\x0a"
_HEADER_VALUE: Final = b"\x12"

_CODE: Final = b"\x08"  # a number, of Status and of HttpStatus
_STATUS_OK: Final = b"\x0a\x00"  # an empty Status: code 0
_OVERWRITE: Final = b"\x18\x02"  # append_action: OVERWRITE_IF_EXISTS_OR_ADD
_OVERWRITE_EMPTY: Final = _OVERWRITE + b"\x20\x01"  # keep_empty_value
_TRUE: Final = b"\x12\x02\x20\x01"  # a Value of a map's entry
_FALSE: Final = b"\x12\x02\x20\x00"

# google.rpc codes; whatever is not listed is PERMISSION_DENIED, and never OK.
_RPC_CODES: Final = {400: 3, 401: 16, 403: 7, 500: 13, 503: 14}
_PERMISSION_DENIED: Final = 7
_UNAVAILABLE: Final = 14


def encode(answer: Answer) -> bytes:
    """Write the CheckResponse of an answer."""
    return _encode_allowed(answer) if isinstance(answer, Allowed) else _encode_refused(answer)


def _encode_refused(answer: Refused) -> bytes:
    denial = answer.denial
    code, kind = _RPC_CODES.get(denial.status, _PERMISSION_DENIED), _DENIED_RESPONSE
    if answer.kind == "error":
        code, kind = _UNAVAILABLE, _ERROR_RESPONSE
    http = [_field(_HTTP_STATUS, _CODE + _varint(denial.status))]
    http += [_header(_SET_HEADER, *each) for each in denial.headers]
    if denial.body:
        http.append(_field(_BODY, denial.body.encode()))
    return (
        _field(_STATUS, _CODE + _varint(code))
        + _field(kind, b"".join(http))
        + _field(_DYNAMIC_METADATA, _struct(answer.metadata))
    )


def _encode_allowed(answer: Allowed) -> bytes:
    parts = [_header(_SET_HEADER, *each) for each in answer.headers_to_set.items()]
    if answer.path is not None:
        parts.append(_header(_SET_HEADER, ":path", answer.path))
    parts.append(_removals(tuple(answer.headers_to_remove)))
    if answer.response_headers:
        parts += [_header(_RESPONSE_HEADER, *each) for each in answer.response_headers.items()]
    return (
        _STATUS_OK
        + _field(_OK_RESPONSE, b"".join(parts))
        + _field(_DYNAMIC_METADATA, _struct(answer.metadata))
    )


def _header(tag: bytes, name: str, value: str) -> bytes:
    """Return a HeaderValueOption."""
    header = _field(_HEADER_KEY, name.encode())
    if not value:
        return _field(tag, _field(_HEADER, header) + _OVERWRITE_EMPTY)
    header += _field(_HEADER_VALUE, value.encode())
    return _field(tag, _field(_HEADER, header) + _OVERWRITE)


@lru_cache(maxsize=256)  # of a policy and the fields that a consumer has: few, and long
def _removals(names: tuple[str, ...]) -> bytes:
    return b"".join(_field(_REMOVED_HEADER, name.encode()) for name in names)


def _struct(metadata: Metadata) -> bytes:
    parts = []
    for name, value in metadata.items():
        entry = _field(_ENTRY_KEY, name.encode())
        if isinstance(value, bool):
            entry += _TRUE if value else _FALSE
        else:
            entry += _field(_ENTRY_VALUE, _field(_STRING_VALUE, value.encode()))
        parts.append(_field(_STRUCT_FIELD, entry))
    return b"".join(parts)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits of each byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_LENGTHS: Final = [_varint(length) for length in range(1024)]


def _field(tag: bytes, payload: bytes) -> bytes:
    length = len(payload)
    return tag + (_LENGTHS[length] if length < len(_LENGTHS) else _varint(length)) + payload
