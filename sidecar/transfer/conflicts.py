"""What of a file cannot be there beside what a database has, in words that show no key."""

from collections.abc import Mapping, Sequence
from typing import Any

from authsvc.kinds import Kind
from sidecar.errors import SidecarError
from sidecar.transfer.matching import Collision

_MOST_LINES = 20
_LONGEST = 60  # characters of a name
_WORDS = {"digest": "key", "consumer_id": "consumer", "route_id": "route", "service_id": "service"}
_NAMES = ("username", "custom_id", "group", "name")
_TITLES = {"credentials": "keyauth_credentials"}


class ImportConflictError(SidecarError):
    """Entities of a file and of the database cannot both be there; nothing was written."""

    def __init__(self, conflicts: Sequence[str]) -> None:
        shown = list(conflicts[:_MOST_LINES])
        if len(conflicts) > _MOST_LINES:
            shown.append(f"and {len(conflicts) - _MOST_LINES} more")
        super().__init__("; ".join(shown))
        self.conflicts = tuple(conflicts)


def conflict_text(
    kind: Kind[Any],
    collision: Collision[Any],
    *,
    consumers: Mapping[str, str],
    given_ids: frozenset[str],
) -> str:
    """Return one collision: who it is, and what another one has already.

    ``consumers`` are the names of the file's consumers, by their ids in the database; other ids
    than those that the file gave would tell its reader nothing.
    """
    entity = collision.entity
    fields = " and ".join(_WORDS.get(field, field) for field in collision.fields)
    names = [getattr(entity, field, None) for field in _NAMES]
    names.append(entity.id if entity.id in given_ids else None)
    told = [printable(name) for name in filter(None, names)][:1]
    owner_id = getattr(entity, "consumer_id", None)
    if owner_id is not None:
        told.append(f"of consumer {printable(consumers.get(owner_id, owner_id))}")
    title = f"{_TITLES.get(kind.name, kind.name)} ({', '.join(told)})"
    return f"{title}: {collision.row.id} in the database has the same {fields}"


def printable(text: str) -> str:
    """Return a name as a line for an operator may show it."""
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in shown)
