"""The body of a request as the object that it spells: JSON, urlencoded or multipart."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import multipart  # type: ignore[import-untyped]  # ships no types; what we call is two functions
import orjson

from sidecar.admin.arguments import MAX_ARGUMENTS, Arguments, is_utf8
from sidecar.admin.form import nest
from sidecar.admin.problems import ProblemError, plain

JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
TEXTS = frozenset({"application/yaml", "text/yaml"})
"""What some endpoints take as the text that it is."""

TEXT = "config"
"""The argument that such a text is."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What was sent. ``is_form``: its values are texts whose meaning the schema has to tell."""

    values: dict[str, Any] = field(default_factory=dict)
    is_form: bool = False


def check_content_type(
    content_type: str | None, *, has_body: bool, also: frozenset[str] = frozenset()
) -> None:
    """Refuse a request by its Content-Type alone, before its body is read.

    Raises:
        ProblemError: 415 without a body for a type that is not understood, or for none at all
            where there is a body.
    """
    if content_type is None and not has_body:
        return
    if content_type is None or _media_type(content_type) not in _DECODERS.keys() | also:
        raise ProblemError(415, None)


def decode_payload(content_type: str | None, body: bytes) -> Payload:
    """Return what a body of a type that was checked spells.

    Raises:
        ProblemError: It does not spell an object.
    """
    if content_type is None:
        return Payload()
    return _DECODERS.get(_media_type(content_type), _text)(content_type, body)


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _json(_content_type: str, body: bytes) -> Payload:
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        values = None
    if not isinstance(values, dict):
        raise plain(400, "Cannot parse JSON body")
    return Payload(values)


def _urlencoded(_content_type: str, body: bytes) -> Payload:
    text = body.decode("utf-8", "surrogateescape")
    return _form(Arguments.parse(text).pairs)


def _multipart(content_type: str, body: bytes) -> Payload:
    if not body:
        return Payload(is_form=True)
    return _form(tuple(_parts(content_type, body)))


def _parts(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    boundary = multipart.parse_options_header(content_type)[1].get("boundary")
    if not boundary:
        raise plain(400, "Cannot parse multipart body")
    parser = multipart.MultipartParser(
        BytesIO(body),
        boundary,
        part_limit=MAX_ARGUMENTS,
        spool_limit=len(body),
        memory_limit=len(body),
    )
    try:
        for part in parser:
            yield part.name, part.raw.decode("utf-8", "surrogateescape")
    except multipart.ParserLimitReached:
        raise plain(400, "Too many arguments") from None
    except (multipart.MultipartError, ValueError):
        raise plain(400, "Cannot parse multipart body") from None


def _form(pairs: tuple[tuple[str, str | None], ...]) -> Payload:
    if not all(is_utf8(name) and is_utf8(value or "") for name, value in pairs):
        raise plain(400, "The body is not valid UTF-8")
    return Payload(nest(pairs), is_form=True)


def _text(_content_type: str, body: bytes) -> Payload:
    try:
        return Payload({TEXT: body.decode()})
    except UnicodeDecodeError:
        raise plain(400, "The body is not valid UTF-8") from None


_DECODERS = {JSON: _json, URLENCODED: _urlencoded, MULTIPART: _multipart}
