"""What a file declares twice."""

from collections.abc import Iterable, Iterator

from authsvc.policy import KEY_AUTH, KEY_AUTH_NAMES
from sidecar.admin.problems import REDACTED
from sidecar.declarative.declaration import Declared, DeclaredCredential, KeyMarks
from sidecar.declarative.items import Item
from sidecar.declarative.problems import EntityProblem

_DIGEST = ("digest",)
_SCOPE = ("name", "route_id", "service_id")
_KEY_AUTHS: frozenset[object] = frozenset(KEY_AUTH_NAMES)


def find_repeated(judged: Iterable[tuple[Item, Declared]]) -> Iterator[EntityProblem]:
    """Yield a problem for each entity that collides with one before it, in Kong's words."""
    marks = KeyMarks()
    seen: set[tuple[object, ...]] = set()
    for item, entity in judged:
        taken = [
            (names, (item.kind.name, names, *values))
            for names in _unique(item)
            for values in [_values(entity, names, marks)]
            if any(value is not None for value in values)
        ]
        repeated = next((names for names, place in taken if place in seen), None)
        if repeated is not None:
            yield _problem(item, entity, repeated)
        seen.update(place for _, place in taken)


def _unique(item: Item) -> list[tuple[str, ...]]:
    """Return what is unique: the name before the id, which may only be derived from it."""
    endpoint_key = (str(item.kind.schema.endpoint_key),)
    return sorted(item.kind.stored.unique, key=lambda names: names != endpoint_key)


def _values(entity: Declared, names: tuple[str, ...], marks: KeyMarks) -> tuple[object, ...]:
    if names == _DIGEST and isinstance(entity, DeclaredCredential):
        return (marks.of(entity.key),)
    values = tuple(getattr(entity, name) for name in names)
    # The two names of key authentication mean one plugin: a scope takes one of them.
    if names != _SCOPE:
        return values
    return tuple(KEY_AUTH if value in _KEY_AUTHS else value for value in values)


def _problem(item: Item, entity: Declared, names: tuple[str, ...]) -> EntityProblem:
    first = "group" if "group" in names else names[0]
    value = REDACTED if names == _DIGEST else getattr(entity, first)
    called = {"id": "primary key", "digest": "key"}.get(first, first)
    reason = (
        f"uniqueness violation: '{item.kind.name}' entity with {called} set to '{value}' "
        "already declared"
    )
    # Kong tells of a second unique field under the entity's name, of all else by place.
    at = (getattr(entity, "username", None) or entity.id) if first == "custom_id" else None
    return item.problem(reason, at=at)
