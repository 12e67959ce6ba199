"""Pages of a list: which one is asked for, and how the next one is named.

A page begins after an id, so pages stay right while entities come and go.
"""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from sidecar.admin.arguments import Arguments, printable
from sidecar.admin.kinds import is_uuid
from sidecar.admin.numerals import parse_number
from sidecar.admin.problems import invalid_offset, invalid_size

DEFAULT_SIZE = 100
MAX_SIZE = 1000
Position = list[str]
"""What an offset holds: the parts of the sort key of the last entity that was shown."""


def page_size(arguments: Arguments) -> int:
    """Return how many entities are asked for.

    Raises:
        ProblemError: Not a number, or not a possible one.
    """
    given = arguments.values("size")
    if not given:
        return DEFAULT_SIZE
    size = parse_number(given[0] or "") if len(given) == 1 else None
    if size is None:
        raise invalid_size("size must be a number")
    if not isinstance(size, int) or not 1 <= size <= MAX_SIZE:
        raise invalid_size(f"size must be an integer between 1 and {MAX_SIZE}")
    return size


def page_start(arguments: Arguments, *, parts: int = 1) -> Position | None:
    """Return the position that the page begins after, None for the first page.

    Raises:
        ProblemError: The offset is not one that ``encode_offset`` could have made.
    """
    if not arguments.has("offset"):
        return None
    given = arguments.first("offset") or ""
    position = _decode(given)
    fits = (
        isinstance(position, list)
        and len(position) == parts
        and all(isinstance(part, str) for part in position)
        and is_uuid(position[0])
    )
    if not fits:
        raise invalid_offset(printable(given), "no position")
    return [position[0].lower(), *position[1:]]


def numbered_start(arguments: Arguments) -> int:
    """Return the number that the page of a numbered list begins after, 0 for the first page.

    Raises:
        ProblemError: The offset is not one that ``encode_offset`` could have made.
    """
    if not arguments.has("offset"):
        return 0
    given = arguments.first("offset") or ""
    position = _decode(given)
    fits = isinstance(position, list) and len(position) == 1 and isinstance(position[0], str)
    if not fits or not re.fullmatch(r"[0-9]{1,18}", position[0]):
        raise invalid_offset(printable(given), "no position")
    return int(position[0])


def encode_offset(position: Sequence[str]) -> str:
    """Return a position as the opaque text that clients hand back."""
    return base64.b64encode(orjson.dumps(list(position))).rstrip(b"=").decode()


def envelope(
    rows: Sequence[Any],
    *,
    size: int,
    path: str,
    arguments: Arguments,
    show: Callable[[Any], Any],
    position: Callable[[Any], Sequence[str]],
    carried: Sequence[str],
) -> dict[str, Any]:
    """Return the answer of a list, made of up to ``size`` + 1 rows.

    The one row too many says that there is a next page. ``carried`` are the arguments that the
    link to it repeats; ``path`` is the list's, as the caller wrote it.
    """
    shown = rows[:size]
    answer: dict[str, Any] = {"data": [show(row) for row in shown], "next": None}
    if len(rows) > size:
        answer["offset"] = encode_offset(position(shown[-1]))
        query = [("offset", answer["offset"])]
        query += [(name, arguments.first(name) or "") for name in carried if arguments.has(name)]
        joined = "&".join(f"{name}={quote(value, safe='')}" for name, value in query)
        answer["next"] = f"{path}?{joined}"
    return answer


def _decode(offset: str) -> Any:
    try:
        padded = offset + "=" * (-len(offset) % 4)
        text = base64.b64decode(padded.encode("utf-8", "surrogateescape"), validate=True)
    except binascii.Error:
        raise invalid_offset(printable(offset), "bad base64 encoding") from None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise invalid_offset(printable(offset), "bad json encoding") from None
