"""The top-level fields of a request body, as far as a key may sit in one.

What cannot be read counts as empty, never as an error: the request is then simply without a key.
That goes for a type we do not know, broken syntax, and JSON that is not an object.
"""

import json
from collections.abc import Iterator
from io import BytesIO

import multipart  # type: ignore[import-untyped]  # ships no types; what we call is two functions

from authsvc.query import arguments

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"
_MULTIPART = "multipart/form-data"
MAX_PARTS = 128


def field_values(content_type: str, body: bytes, name: str) -> list[bytes]:
    """Return every value of a top-level field, in order.

    Only text counts: JSON numbers, booleans, null and objects, and form fields without ``=``, are
    no values. The members of a JSON array count one by one, so that an array is never one key.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == _FORM:
        return _form_values(body, name)
    if media_type == _JSON:
        return _json_values(body, name)
    if media_type == _MULTIPART:
        return _multipart_values(content_type, body, name)
    return []


def _form_values(body: bytes, name: str) -> list[bytes]:
    wanted = name.encode()
    fields = arguments(body.decode("utf-8", "surrogateescape"))
    return [field.value for field in fields if field.name == wanted and field.value is not None]


def _json_values(body: bytes, name: str) -> list[bytes]:
    try:
        members = json.loads(body, object_pairs_hook=_Members)
    except (ValueError, RecursionError):
        return []
    if not isinstance(members, _Members):
        return []
    return [text for member, value in members if member == name for text in _texts(value)]


class _Members(list[tuple[str, object]]):
    """A JSON object with repeated members kept apart, and told from an array."""


def _texts(value: object) -> Iterator[bytes]:
    if isinstance(value, str):
        # A lone surrogate is no valid text; as bytes it equals no stored key.
        yield value.encode("utf-8", "surrogatepass")
    elif isinstance(value, list) and not isinstance(value, _Members) and value:
        # An array stands for a repeated field, even with one element, as in Kong.
        yield from (b"", b"")


def _multipart_values(content_type: str, body: bytes, name: str) -> list[bytes]:
    boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        return []
    try:
        with multipart.MultipartParser(
            BytesIO(body), boundary, content_length=len(body), part_limit=MAX_PARTS, strict=True
        ) as parser:
            return [part.raw for part in parser if part.name == name]
    except (multipart.MultipartError, ValueError):
        return []
