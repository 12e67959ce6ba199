"""The query of a request target, read as Kong reads it and rewritten without touching the rest.

Arguments are separated by ``&`` only. Names and values are percent-decoded once, ``+`` is a
space; an argument without ``=`` has no value, which differs from an empty one.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes


class Argument(NamedTuple):
    """One argument: its decoded name, its decoded value (None: no ``=``), and how it was sent."""

    name: bytes
    value: bytes | None
    raw: str


def arguments(text: str) -> Iterator[Argument]:
    """Yield the arguments of a query or of a urlencoded body, in order."""
    for raw in text.split("&"):
        name, equals, value = raw.partition("=")
        yield Argument(_decode(name), _decode(value) if equals else None, raw)


def query_of(path: str) -> str:
    """Return the query of a request target, without ``?``; empty if it has none."""
    return path.partition("?")[2]


def values_of(text: str, name: str) -> list[bytes]:
    """Return the values of every argument of this name, in order.

    One without a value is absent, but beside others it is an empty one: it makes a duplicate.
    """
    found = [match[1] for match in _spelled(frozenset({name.encode()})).finditer(f"&{text}")]
    return [] if found == [None] else [_decode(value or "") for value in found]


def without_arguments(path: str, names: frozenset[bytes]) -> str:
    """Return the target without the arguments of these decoded names, every spelling of them.

    What stays keeps its bytes and its order; nothing left means no ``?`` either.
    """
    target, mark, query = path.partition("?")
    rest = without_fields(query, names)
    return f"{target}{mark}{rest}" if rest else target


def without_fields(text: str, names: frozenset[bytes]) -> str:
    """Return a query or a urlencoded body without the arguments of these decoded names."""
    return _spelled(names).sub("", f"&{text}")[1:]


def mentions(path: str, names: frozenset[bytes]) -> bool:
    """Tell whether the target's query has an argument of one of these decoded names."""
    return _spelled(names).search(f"&{query_of(path)}") is not None


@lru_cache(maxsize=1024)
def _spelled(names: frozenset[bytes]) -> re.Pattern[str]:
    """Return what matches every spelling of arguments of these names, with the ``&`` before them.

    Names are key names: letters, digits, ``-`` and ``_``. One pass of the regular expression
    engine: decoding each of ten thousands of arguments would let one client keep a worker busy.
    """
    spellings = "|".join("".join(map(_spelled_character, name)) for name in sorted(names))
    return re.compile(f"&(?:{spellings})(?:=([^&]*))?(?![^&])" if names else "(?!)")


def _spelled_character(code: int) -> str:
    low = f"{code & 0xF:x}{code & 0xF:X}"
    return f"(?:{chr(code)}|%{code >> 4:x}[{low}])"


def _decode(text: str) -> bytes:
    # Text from a body may hold bytes that are no UTF-8 (as escapes): they go back as they came.
    return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape"))
