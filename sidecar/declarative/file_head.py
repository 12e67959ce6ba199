"""What a declarative file says of itself: its version, decK's remarks, and the lists it holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sidecar.admin.containers import Field
from sidecar.admin.kinds import Boolean, InvalidValueError, Text
from sidecar.declarative.kinds import BY_NAME
from sidecar.declarative.problems import FieldProblem, Problem, unknown_field

VERSIONS = ("1.1", "2.1", "3.0")
_IGNORE = "_ignore"
COMMENTS = frozenset({"_comment", _IGNORE})
"""What may stand anywhere, and means nothing."""

OF_DECK = frozenset({"_info", "_workspace", "_konnect", "groups"})
"""What decK writes for itself, and Kong's own parser does not know."""

_VERSION = "_format_version"
_TRANSFORM = "_transform"
_HEAD: Mapping[str, Field] = {
    _VERSION: Field(kind=Text(one_of=VERSIONS), required=True, doc="The format."),
    _TRANSFORM: Field(kind=Boolean(), default=True, doc="Whether values are plain."),
    "_comment": Field(kind=Text(min_length=0), doc="For people."),
}


@dataclass(frozen=True, slots=True)
class FileHead:
    """The head, and the lists that the file holds, by the names that they have there."""

    format_version: str = ""
    transform: bool = True
    select_tags: tuple[str, ...] = ()
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lists: Mapping[str, list[Any]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def read_head(document: Mapping[str, Any], *, lenient: bool) -> tuple[FileHead, list[Problem]]:
    """Return what stands at the top of a file, and what is wrong with it.

    ``lenient``: lists of entities that only Kong has are left out, instead of being wrong.
    """
    problems: list[Problem] = []
    head = {name: _accepted(name, known, document, problems) for name, known in _HEAD.items()}
    lists: dict[str, list[Any]] = {}
    left_out: list[str] = []
    for name, value in document.items():
        if name in _HEAD or name in OF_DECK:
            continue
        if value is None and (name in BY_NAME or name in COMMENTS):
            continue
        if name == _IGNORE or name in BY_NAME:
            if not isinstance(value, list):
                problems.append(FieldProblem(name, "expected an array"))
            elif name in BY_NAME:
                lists[name] = value
        elif lenient and isinstance(value, list) and not name.startswith("_"):
            left_out.append(name)
        else:
            problems.append(unknown_field(name))
    info = document.get("_info")
    told = FileHead(
        format_version=head[_VERSION] or "",
        transform=head[_TRANSFORM] is not False,
        select_tags=_select_tags(info),
        defaults=_defaults(info),
        lists=lists,
        ignored=tuple(sorted(OF_DECK & document.keys())),
        left_out=tuple(left_out),
    )
    return told, problems


def _accepted(name: str, known: Field, document: Mapping[str, Any], problems: list[Problem]) -> Any:
    value = document.get(name)
    if value is None:
        if known.required:
            problems.append(FieldProblem(name, "required field missing"))
        return known.default
    try:
        return known.kind.accept(value)
    except InvalidValueError as error:
        problems.append(FieldProblem(name, str(error.why)))
        return known.default


def _select_tags(info: object) -> tuple[str, ...]:
    tags = info.get("select_tags") if isinstance(info, Mapping) else None
    return tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()


def _defaults(info: object) -> Mapping[str, Mapping[str, Any]]:
    """Return decK's defaults, by the singular names of kinds."""
    defaults = info.get("defaults") if isinstance(info, Mapping) else None
    if not isinstance(defaults, Mapping):
        return {}
    return {name: each for name, each in defaults.items() if isinstance(each, Mapping)}
