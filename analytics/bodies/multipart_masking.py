"""Masks ``multipart/form-data`` part by part; all else stays as it was, byte for byte."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import multipart  # type: ignore[import-untyped]  # ships no types; what we call is one function

from analytics.bodies.secrecy import Secrecy
from analytics.masking import MASK

_MAX_PARTS = 1000
_BLANK = "\r\n\r\n"


@dataclass(frozen=True, slots=True)
class _Part:
    """One part with the delimiter line in front of it."""

    head: str  # up to and with the empty line
    content: str  # with the line break that belongs to the next delimiter
    name: str
    content_type: str


def masked_multipart(
    text: str, content_type: str, secrecy: Secrecy, masked: Callable[[str, str], str]
) -> str:
    """Return a multipart body as it may be shown.

    Args:
        text: The body, with bytes that are no text as surrogates.
        content_type: With its boundary.
        secrecy: What is not shown.
        masked: Masks the content of a part, given its own content type.

    Raises:
        ValueError: It is no multipart body.
    """
    boundary = multipart.parse_options_header(content_type)[1].get("boundary", "")
    if not boundary:
        raise ValueError("no boundary")
    delimiter = re.compile(rf"(?:\A|(?<=\r\n))--{re.escape(boundary)}(--)?[ \t]*(?:\r\n|\Z)")
    found = list(delimiter.finditer(text))
    if not found or len(found) > _MAX_PARTS or found[0].start() != 0 or not found[-1].group(1):
        raise ValueError("not multipart")
    shown = [
        _shown(_part(text[begin.start() : end.start()]), secrecy, masked)
        for begin, end in pairwise(found)
    ]
    return "".join([*shown, text[found[-1].start() : found[-1].end()]])


def _part(text: str) -> _Part:
    head, blank, content = text.partition(_BLANK)
    if not blank:
        raise ValueError("a part without content")
    headers = dict(_headers(head))
    options = multipart.parse_options_header(headers.get("content-disposition", ""))[1]
    name = options.get("name", "")
    return _Part(head + blank, content, name, headers.get("content-type", ""))


def _headers(head: str) -> Iterator[tuple[str, str]]:
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(":")
        yield name.strip().lower(), value.strip()


def _shown(part: _Part, secrecy: Secrecy, masked: Callable[[str, str], str]) -> str:
    if secrecy.removes(part.name):
        return ""
    content = part.content.removesuffix("\r\n")
    if secrecy.hides(part.name) and len(content) > 1:
        return f"{part.head}{MASK}\r\n"
    return f"{part.head}{masked(content, part.content_type)}\r\n"
