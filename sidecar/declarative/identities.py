"""The ids of entities that come without one: as Kong derives them, so that both know them alike.

Kong's ``declarative_config.lua``: a UUID of version 5 over the entity's name; of an ACL entry and
a plugin over what makes it unique.  Where Kong makes a random id, ours is still the same in every
process that reads the file: of a consumer without a username it is over the custom id, of a
credential over its consumer and its place among that consumer's.  Never over a key: whoever sees
an id could test guesses of the key by it.
"""

from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID, uuid4, uuid5

_ENTITIES = UUID("fd02801f-0957-4a15-a55a-c8d9606f30b5")
_DEFAULT_WORKSPACE = "*"
_CONSUMER = "consumer"


class Identities:
    """Makes the ids of one file."""

    def __init__(self) -> None:
        self._nth: Counter[str] = Counter()

    def derive(self, entity: str, values: Mapping[str, Any], parent: Mapping[str, str]) -> str:
        """Return the id of an entity.

        Args:
            entity: The name of its kind.
            values: What the file says of it.
            parent: The id of what it is nested in, by the field that refers to it.
        """
        name = self._name(entity, values, parent)
        if name is None:
            return str(uuid4())
        namespace, text = name
        try:
            return str(uuid5(_namespace(namespace), text))
        except UnicodeEncodeError:  # no text that could be stored: refused later
            return str(uuid4())

    def _name(
        self, entity: str, values: Mapping[str, Any], parent: Mapping[str, str]
    ) -> tuple[str, str] | None:
        match entity:
            case "consumers":
                return _of_consumer(values)
            case "services" | "routes":
                return _texts(entity, values.get("name"))
            case "acls":
                parts = _scope(values, parent, _CONSUMER)
                return _texts(entity, _joined(entity, *parts, values.get("group")))
            case "plugins":
                named = _texts(entity, values.get("instance_name"))
                scope = _scope(values, parent, "route", "service", _CONSUMER)
                return named or _texts(entity, _joined(entity, values.get("name"), *scope))
            case _:
                return self._of_credential(entity, values, parent)

    def _of_credential(
        self, entity: str, values: Mapping[str, Any], parent: Mapping[str, str]
    ) -> tuple[str, str]:
        (owner,) = _scope(values, parent, _CONSUMER)
        self._nth[owner] += 1
        return f"{entity}.nth", f"{owner}:{self._nth[owner]}"


@cache
def _namespace(name: str) -> UUID:
    return uuid5(_ENTITIES, name)


def _of_consumer(values: Mapping[str, Any]) -> tuple[str, str] | None:
    username = _texts("consumers", values.get("username"))
    return username or _texts("consumers.custom_id", values.get("custom_id"))


def _texts(namespace: str, name: object) -> tuple[str, str] | None:
    return (namespace, name) if isinstance(name, str) else None


def _joined(*parts: object) -> str | None:
    entity, *rest = parts
    if not all(isinstance(part, str) for part in rest):
        return None
    return ":".join([str(entity), _DEFAULT_WORKSPACE, *map(str, rest)])


def _scope(values: Mapping[str, Any], parent: Mapping[str, str], *fields: str) -> list[str]:
    """Return what an entity refers to, as Kong spells it in its cache keys; empty: nothing."""
    return [parent.get(name) or _spelled(values.get(name)) for name in fields]


def _spelled(reference: object) -> str:
    if isinstance(reference, Mapping):
        # Kong leaves references in this form out, so that different scopes get the same id.
        reference = next((each for each in reference.values() if isinstance(each, str)), "")
    return reference if isinstance(reference, str) else ""
