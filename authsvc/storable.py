"""Which values a store can keep: Postgres' limits, which every store has, so that all agree."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from authsvc.entities import Entity, WrappedKey
from authsvc.errors import UnstorableValueError
from authsvc.identifier import canonical_id
from authsvc.kinds import Kind

E = TypeVar("E", bound=Entity)

# A B-tree or GIN entry takes a third of an 8 KiB page at most (about 2,700 bytes); this leaves
# room for what shares the entry.
MAX_INDEXED_LENGTH = 2_048  # bytes of UTF-8
_INTEGERS = range(-(2**63), 2**63)


def check_storable(kind: Kind[E], entity: E) -> None:
    """Refuse an entity that a store could not keep exactly as it is.

    Raises:
        UnstorableValueError: It names the first such field.
    """
    ids, indexed = kind.ids, kind.indexed
    for name in kind.columns:
        value = getattr(entity, name)
        is_id = name in ids and value is not None
        if (is_id and canonical_id(value) != value) or not _fits(value, name in indexed):
            raise UnstorableValueError(name)


def check_key(key: WrappedKey) -> None:
    """Refuse a wrapped key that a store could not keep exactly as it is.

    Raises:
        UnstorableValueError: It names the first such field.
    """
    for name in ("id", "created_at", "purpose"):
        if not _fits(getattr(key, name), indexed=True):
            raise UnstorableValueError(name)


def is_storable_text(text: str) -> bool:
    """Tell whether a store could hold a text at all: what it cannot hold is found nowhere."""
    return _is_text(text)


def lookup(kind: Kind[E], values: Mapping[str, object]) -> dict[str, object] | None:
    """Return the field values to look for as they are stored, or None if nothing can have them.

    Raises:
        TypeError: The entity has no field of such a name.
    """
    wanted = dict(values)
    for name, value in values.items():
        if name not in kind.columns:
            raise TypeError(f"{kind.name} have no field {name}")
        if name in kind.ids and value is not None:
            wanted[name] = canonical_id(value)
            if wanted[name] is None:
                return None
        if not _fits(value, name in kind.indexed):
            return None
    return wanted


def encode_document(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text."""
    return json.dumps(document, allow_nan=False, ensure_ascii=False)


def _fits(value: object, indexed: bool) -> bool:
    match value:
        case str():
            return _is_text(value) and not (indexed and len(value.encode()) > MAX_INDEXED_LENGTH)
        case int():
            return value in _INTEGERS
        case tuple():
            return all(_fits(one, indexed) for one in value)
        case Mapping():
            return _is_document(value)
        case _:
            return True


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return "\x00" not in text


def _is_document(document: Mapping[str, Any]) -> bool:
    try:
        encode_document(document)
        return all(_is_text(text) for text in _texts(document))
    except (ValueError, TypeError, RecursionError):  # NaN, not JSON, or too deep
        return False


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for name, member in value.items():
                yield str(name)
                yield from _texts(member)
        case list() | tuple():
            for member in value:
                yield from _texts(member)
