"""One cookie among those of a request: read it, or take it out.

Pairs are separated by ``;``; names are compared exactly, values are taken as they stand, without
the quotes that may surround them.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

_BLANKS = b" \t"
_QUOTE = b'"'


def lines_apart(headers: Iterable[bytes], names: frozenset[bytes]) -> Iterator[bytes]:
    """Yield header lines of which Envoy may have joined several with commas.

    A comma may also be part of a value: it counts only in front of a cookie of these names.
    """
    for header in headers:
        yield from _joint(names).split(header)


def cookie_values(headers: Iterable[bytes], name: str) -> list[bytes]:
    """Return every value of a cookie in ``cookie`` headers, in order."""
    wanted = name.encode()
    return [
        _unquoted(value)
        for header in headers
        for found, value in map(_split, header.split(b";"))
        if found == wanted
    ]


def without_cookies(header: bytes, names: frozenset[bytes]) -> bytes:
    """Return a ``cookie`` header without the cookies of these names; the rest as it was sent."""
    kept = [pair for pair in header.split(b";") if _split(pair)[0] not in names]
    return b";".join(kept).strip(_BLANKS)


@lru_cache(maxsize=1024)
def _joint(names: frozenset[bytes]) -> re.Pattern[bytes]:
    return re.compile(b",[ \t]*(?=(?:" + b"|".join(map(re.escape, sorted(names))) + b")[ \t]*=)")


def _split(pair: bytes) -> tuple[bytes, bytes]:
    name, _, value = pair.partition(b"=")
    return name.strip(_BLANKS), value.strip(_BLANKS)


def _unquoted(value: bytes) -> bytes:
    quoted = len(value) > 1 and value.startswith(_QUOTE) and value.endswith(_QUOTE)
    return value[1:-1] if quoted else value
