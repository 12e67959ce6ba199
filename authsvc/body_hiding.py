"""Takes the credential out of a request body; every other byte stays as it was sent.

Form fields keep their order and spelling, JSON loses only the member, multipart only the part.
A body that cannot be read is left alone: no key was read from it either (``authsvc.body``).
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise

from authsvc import query
from authsvc.body import FORM, JSON, MULTIPART, field_values, media_type_of
from authsvc.header_options import options_of

_BLANK = re.compile(r"[ \t\n\r]*")


def without_fields(content_type: str, body: bytes, names: frozenset[str]) -> bytes | None:
    """Return the body without the top-level fields of these names; None if it need not change."""
    rewrite = _REWRITES.get(media_type_of(content_type))
    if rewrite is None:
        return None
    try:
        changed = rewrite(content_type, body, names)
    except (ValueError, RecursionError):
        return None
    return None if changed == body else changed


def still_holds(content_type: str, body: bytes, names: frozenset[str]) -> bool:
    """Tell whether a key could still be read from a body under one of these names."""
    return any(field_values(content_type, body, name) for name in names)


def can_hold(content_type: str) -> bool:
    """Tell whether bodies of this type are read, and so rewritten."""
    return media_type_of(content_type) in _REWRITES


def begins_with(content_type: str, part: bytes, names: frozenset[str]) -> bool:
    """Tell whether the first part of a body shows one of these top-level fields."""
    show = _SHOWN_FIELDS.get(media_type_of(content_type))
    return show is not None and not names.isdisjoint(show(content_type, part))


def _form(_content_type: str, body: bytes, names: frozenset[str]) -> bytes:
    wanted = frozenset(name.encode() for name in names)
    text = body.decode("utf-8", "surrogateescape")
    return query.without_fields(text, wanted).encode("utf-8", "surrogateescape")


def _json(_content_type: str, body: bytes, names: frozenset[str]) -> bytes:
    encoding = json.detect_encoding(body)
    text = body.decode(encoding, "surrogatepass")
    if not isinstance(json.loads(text, parse_int=float), dict):
        return body
    start, members, end = _members(text)
    kept = [text[begin:stop] for name, begin, stop in members if name not in names]
    if len(kept) == len(members):
        return body
    return (text[:start] + ",".join(kept) + text[end:]).encode(encoding, "surrogatepass")


def _members(text: str) -> tuple[int, list[tuple[str, int, int]], int]:
    """Return where an object's members start, each with its name and span, and where they end.

    A span runs from behind the brace or comma before it to the comma or brace after it. The text
    is known to be valid JSON.
    """
    decode = json.JSONDecoder(parse_int=float).raw_decode
    start = position = _skip(text, 0) + 1
    members: list[tuple[str, int, int]] = []
    while text[_skip(text, position)] != "}":
        name, after_name = decode(text, _skip(text, position))
        value = _skip(text, _skip(text, after_name) + 1)
        end = _skip(text, decode(text, value)[1])
        members.append((name, position, end))
        if text[end] == "}":
            return start, members, end
        position = end + 1
    return start, members, position


def _skip(text: str, position: int) -> int:
    match = _BLANK.match(text, position)
    return match.end() if match else position


def _multipart(content_type: str, body: bytes, names: frozenset[str]) -> bytes:
    boundary = options_of(content_type).get("boundary", "")
    if not boundary:
        return body
    pieces = list(_pieces(body, boundary.encode("utf-8")))
    kept = [piece for piece in pieces if _part_name(piece) not in names]
    return body if len(kept) == len(pieces) else b"".join(kept)


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """Cut a body in front of every delimiter line; joined, the pieces are the body again."""
    delimiter = re.compile(
        rb"(?:\A|(?<=\r\n))--" + re.escape(boundary) + rb"(?:--)?[ \t]*(?:\r\n|\Z)"
    )
    cuts = [0, *(match.start() for match in delimiter.finditer(body)), len(body)]
    return (body[begin:end] for begin, end in pairwise(cuts) if begin < end)


def _part_name(piece: bytes) -> str | None:
    head = piece.partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        if name.strip().lower() == "content-disposition":
            field = options_of(value.strip()).get("name")
            return field if isinstance(field, str) else None
    return None


def _form_fields(_content_type: str, part: bytes) -> Iterator[str]:
    for argument in query.arguments(part.decode("utf-8", "surrogateescape")):
        yield argument.name.decode("utf-8", "replace")


def _json_fields(_content_type: str, part: bytes) -> Iterator[str]:
    """Yield the names of members up to where the text is cut or broken."""
    text = part.decode(json.detect_encoding(part), "replace")
    decode = json.JSONDecoder(parse_int=float).raw_decode
    position = _skip(text, 0)
    if text[position : position + 1] != "{":
        return
    with suppress(ValueError, RecursionError):
        while True:
            name, after_name = decode(text, _skip(text, position + 1))
            if not isinstance(name, str):
                return
            yield name
            position = _skip(text, decode(text, _skip(text, _skip(text, after_name) + 1))[1])


def _multipart_fields(content_type: str, part: bytes) -> Iterator[str]:
    boundary = options_of(content_type).get("boundary", "")
    pieces = _pieces(part, boundary.encode("utf-8")) if boundary else ()
    return (name for name in map(_part_name, pieces) if name is not None)


_SHOWN_FIELDS: dict[str, Callable[[str, bytes], Iterator[str]]] = {
    FORM: _form_fields,
    JSON: _json_fields,
    MULTIPART: _multipart_fields,
}
_REWRITES: dict[str, Callable[[str, bytes, frozenset[str]], bytes]] = {
    FORM: _form,
    JSON: _json,
    MULTIPART: _multipart,
}
