"""Where the entities of a file stand, which ids they have, and what is nested in what."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.admin.kinds import is_uuid
from sidecar.declarative.file_head import COMMENTS, OF_DECK, FileHead
from sidecar.declarative.identities import Identities
from sidecar.declarative.kinds import BY_NAME, DeclaredKind
from sidecar.declarative.kong_only import without_kongs
from sidecar.declarative.problems import EntityProblem, Path, redacted_reasons

_CONSUMER, _CONSUMER_GROUP = "consumer", "consumer_group"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One entity as the file has it, without what is nested in it.

    Attributes:
        kind: What it is.
        path: Where it stands.
        values: What the file says, defaults and tags of ``_info`` included.
        id: Its id, in lower case if it is one.
        parent: The id of what it is nested in, by the field that refers to it.
        names_parent: What else means the same parent: its name.
    """

    kind: DeclaredKind
    path: Path
    values: Mapping[str, Any] = field(repr=False)
    id: str
    parent: Mapping[str, str] = field(default_factory=dict)
    names_parent: str | None = None

    def problem(self, reasons: Any, *, at: str | None = None) -> EntityProblem:
        """Return that this entity is not acceptable."""
        if isinstance(reasons, Mapping):
            reasons = redacted_reasons(self.kind, reasons)
        return EntityProblem(
            kind=self.kind,
            path=self.path,
            values=self.values,
            reasons=reasons,
            at=at,
            owner={name: owner for name, owner in self.parent.items() if is_uuid(owner)},
        )


class Collection:
    """Every entity of a file, parents before what is nested in them."""

    def __init__(self, head: FileHead, *, lenient: bool) -> None:
        self.items: list[Item] = []
        self.problems: list[EntityProblem] = []
        self.left_out: dict[str, None] = dict.fromkeys(head.left_out)
        self.ignored: dict[str, None] = dict.fromkeys(head.ignored)
        self._head = head
        self._lenient = lenient
        self._identities = Identities()
        for name, entries in head.lists.items():
            self._take_list(BY_NAME[name], entries, (name,))

    def _take_list(
        self,
        kind: DeclaredKind,
        entries: list[Any],
        path: Path,
        *,
        parent: Mapping[str, str] | None = None,
        names_parent: str | None = None,
    ) -> None:
        for place, entry in enumerate(entries):
            here = (*path, place)
            if not isinstance(entry, Mapping):
                # Its text may be a key that stands in the wrong place.
                self.problems.append(
                    EntityProblem(kind=kind, path=here, values={}, reasons="expected a record")
                )
            elif self._is_foreign(kind, entry, parent or {}):
                self.left_out[f"{kind.name}: {entry.get('name') or kind.singular}"] = None
            else:
                self._take(kind, entry, here, parent or {}, names_parent)

    def _take(
        self,
        kind: DeclaredKind,
        entry: Mapping[str, Any],
        path: Path,
        parent: Mapping[str, str],
        names_parent: str | None,
    ) -> None:
        values = dict(self._own_values(kind, entry))
        given = values.get("id")
        item_id = given.lower() if isinstance(given, str) else None
        item = Item(
            kind=kind,
            path=path,
            values=values,
            id=item_id or self._identities.derive(kind.entity, values, parent),
            parent=parent,
            names_parent=names_parent,
        )
        self.items.append(item)
        for name, entries in entry.items():
            self._take_children(item, name, entries)

    def _take_children(self, item: Item, name: str, entries: object) -> None:
        child = BY_NAME.get(name)
        reference = None if child is None else item.kind.children.get(child.name)
        if child is None or reference is None or entries is None:
            return
        if not isinstance(entries, list):
            self.problems.append(item.problem({name: "expected an array"}))
            return
        key = item.kind.schema.endpoint_key
        called = item.values.get(key) if key else None
        self._take_list(
            child,
            entries,
            (*item.path, name),
            parent={reference: item.id},
            names_parent=called if isinstance(called, str) else None,
        )

    def _own_values(
        self, kind: DeclaredKind, entry: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        defaults = self._head.defaults.get(kind.singular, {})
        given: Mapping[str, Any] = {**defaults, **entry}
        if self._lenient:
            given, lost = without_kongs(kind.name, given)
            self.left_out |= {f"{kind.name}: {name}": None for name in lost}
        for name, value in given.items():
            if name in COMMENTS or _is_child(kind, name):
                continue
            if name in OF_DECK:
                self.ignored[name] = None
            elif self._lenient and name not in kind.schema.fields and isinstance(value, list):
                self.left_out[name] = None
            elif name != "tags":
                yield name, value
        tags = entry.get("tags", defaults.get("tags"))
        wanted = self._head.select_tags
        if wanted and (tags is None or isinstance(tags, list)):
            yield "tags", [*(tags or []), *wanted]
        elif "tags" in entry or tags is not None:
            yield "tags", tags

    def _is_foreign(
        self, kind: DeclaredKind, entry: Mapping[str, Any], parent: Mapping[str, str]
    ) -> bool:
        """Tell whether an entity is a plugin that only Kong has, and may be left out."""
        variants = kind.schema.variants
        if not self._lenient or variants is None:
            return False
        name = entry.get(variants.key)
        of_consumer = _CONSUMER in parent or any(
            entry.get(scope) is not None for scope in (_CONSUMER, _CONSUMER_GROUP)
        )
        return isinstance(name, str) and (name not in variants.by_value or of_consumer)


def _is_child(kind: DeclaredKind, name: str) -> bool:
    child = BY_NAME.get(name)
    return child is not None and child.name in kind.children
