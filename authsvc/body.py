"""The top-level fields of a request body, as far as a key may sit in one.

What cannot be read counts as empty, never as an error: the request is then simply without a key.
That goes for a type we do not know, broken syntax, and JSON that is not an object.
"""

import json
from collections.abc import Iterator
from io import BytesIO

import multipart  # type: ignore[import-untyped]  # ships no types; what we call is two functions

from authsvc.query import arguments

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data"
MAX_PARTS = 128


def field_values(content_type: str, body: bytes, name: str) -> list[bytes]:
    """Return every value of a top-level field, in order.

    Only text counts: JSON numbers, booleans, null and objects, and form fields without ``=``, are
    no values. The members of a JSON array count one by one, so that an array is never one key.
    """
    media_type = media_type_of(content_type)
    if media_type == FORM:
        return _form_values(body, name)
    if media_type == JSON:
        return _json_values(body, name)
    if media_type == MULTIPART:
        return _multipart_values(content_type, body, name)
    return []


def media_type_of(content_type: str) -> str:
    """Return a content type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()


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
    parser = multipart.MultipartParser(
        BytesIO(body), boundary, content_length=len(body), part_limit=MAX_PARTS, strict=True
    )
    try:
        parts = [(part.name, part.raw) for part in parser]
    except (multipart.MultipartError, ValueError):
        return []
    return [value for part, value in parts if part == name]
