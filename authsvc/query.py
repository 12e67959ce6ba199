"""The query of a request target, read as Kong reads it and rewritten without touching the rest.

Arguments are separated by ``&`` only. Names and values are percent-decoded once, ``+`` is a
space; an argument without ``=`` has no value, which differs from an empty one.
"""

from collections.abc import Iterator
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


def without_arguments(path: str, names: frozenset[bytes]) -> str:
    """Return the target without the arguments of these decoded names, every spelling of them.

    What stays keeps its bytes and its order; nothing left means no ``?`` either.
    """
    target, mark, query = path.partition("?")
    kept = [argument.raw for argument in arguments(query) if argument.name not in names]
    rest = "&".join(kept)
    return f"{target}{mark}{rest}" if rest else target


def mentions(path: str, names: frozenset[bytes]) -> bool:
    """Tell whether the target's query has an argument of one of these decoded names."""
    query = query_of(path)
    return bool(query) and any(argument.name in names for argument in arguments(query))


def _decode(text: str) -> bytes:
    # Text from a body may hold bytes that are no UTF-8 (as escapes): they go back as they came.
    return unquote_to_bytes(text.replace("+", " ").encode("utf-8", "surrogateescape"))
