"""The top-level fields of a request body, as far as a key may sit in one.

What cannot be read counts as empty, never as an error: the request is then simply without a key.
That goes for a type we do not know, broken syntax, and JSON that is not an object.
"""

import json
from io import BytesIO

from authsvc.header_options import options_of
from authsvc.query import values_of

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data"
MAX_PARTS = 128


def field_values(content_type: str, body: bytes, name: str) -> list[bytes]:
    """Return every value of a top-level field, in order.

    Only text counts: JSON numbers, booleans, null and objects, and a form field without ``=``, are
    no values. What stands for several values is never one key: a JSON array that is not empty
    gives two empty values, and repeated fields or members one each, whatever they hold.
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
    return values_of(body.decode("utf-8", "surrogateescape"), name)


def _json_values(body: bytes, name: str) -> list[bytes]:
    try:
        members = json.loads(body, object_pairs_hook=_Members, parse_int=float)
    except (ValueError, RecursionError):
        return []
    if not isinstance(members, _Members):
        return []
    values = [value for member, value in members if member == name]
    # Which of repeated members counts, whatever they hold, depends on who reads them.
    return _texts(values[0]) if len(values) == 1 else [b""] * len(values)


class _Members(list[tuple[str, object]]):
    """A JSON object with repeated members kept apart, and told from an array."""


def _texts(value: object) -> list[bytes]:
    if isinstance(value, str):
        # A lone surrogate is no valid text; as bytes it equals no stored key.
        return [value.encode("utf-8", "surrogatepass")]
    if isinstance(value, list) and not isinstance(value, _Members) and value:
        # An array stands for a repeated field, even with one element, as in Kong.
        return [b"", b""]
    return []


def _multipart_values(content_type: str, body: bytes, name: str) -> list[bytes]:
    boundary = options_of(content_type).get("boundary", "")
    if not boundary:
        return []
    import multipart  # type: ignore[import-untyped]  # noqa: PLC0415 - see options_of

    parser = multipart.MultipartParser(
        BytesIO(body),
        boundary,
        content_length=len(body),
        part_limit=MAX_PARTS,
        # It is all in memory already: no part goes to a temporary file, where keys would stay.
        spool_limit=len(body),
        memory_limit=len(body),
        strict=True,
    )
    try:
        parts = [(part.name, part.raw) for part in parser]
    except (multipart.MultipartError, ValueError):
        return []
    return [value for part, value in parts if part == name]
