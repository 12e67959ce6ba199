"""What is wrong with a declarative file: by place, in Kong's forms, and as lines for an operator.

None of them shows a key: values of secret and of unknown fields are left out, and so are names of
unknown fields that may be values in the wrong place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from sidecar.admin.entity_checks import ENTITY
from sidecar.admin.lua_text import lua_text
from sidecar.admin.plugin_configs import SECRET_FIELDS
from sidecar.admin.problems import REDACTED, Why
from sidecar.declarative.kinds import DeclaredKind
from sidecar.errors import SidecarError
from sidecar.secret import MASK

Path = tuple[str | int, ...]
"""Where something stands: names and, in lists, places from 0."""

CODE = 14
NAME = "invalid declarative configuration"
_UNKNOWN = "unknown field"
_WORD = re.compile(r"_?[a-z][a-z0-9_]{0,30}")
_MOST_LINES = 20
_SHOWN_LENGTH = 60  # characters of an entity's name in a line


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityProblem:
    """One entity that is not acceptable.

    Attributes:
        kind: What it is.
        path: Where it stands.
        values: What stands there; not to be shown as it is.
        reasons: What is wrong, by field; or one text: the whole entity is.
        at: Under which name it is told of, where Kong does not tell by place.
        owner: The id of what it is nested in, by the field that refers to it.
    """

    kind: DeclaredKind
    path: Path
    values: Mapping[str, Any] = field(repr=False)
    reasons: Mapping[str, Why] | list[str] | str
    at: str | None = None
    owner: Mapping[str, str] = field(default_factory=dict)

    def texts(self) -> Iterator[tuple[str | None, str]]:
        """Yield each thing that is wrong: the field, None: the entity as a whole; and the words."""
        if not isinstance(self.reasons, Mapping):
            texts = [self.reasons] if isinstance(self.reasons, str) else self.reasons
            yield from ((None, text) for text in texts)
            return
        for name, why in self.reasons.items():
            if name == ENTITY:
                yield from ((None, str(text)) for text in (why if isinstance(why, list) else [why]))
            else:
                yield from _spread(name, why)

    def title(self) -> str:
        """Return the entity's place and name, as an operator finds it."""
        place = ""
        for step in self.path:
            place += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if place else step
        fields = self.kind.schema.fields
        naming = (str(self.kind.schema.endpoint_key), "name", "custom_id", "id")
        shown = (each for each in naming if each in fields and not fields[each].secret)
        name = next((self.values[each] for each in shown if self.values.get(each)), None)
        if not isinstance(name, str) or not name.isprintable():
            return place
        return f"{place} ({name[:_SHOWN_LENGTH]})"


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """Something that is wrong with the file itself."""

    name: str
    why: str


Problem = EntityProblem | FieldProblem


class DeclarationError(SidecarError):
    """A file declares what cannot be. Its text is a line for each problem, without any key.

    Of more than twenty, the first twenty are told.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        lines = list(_lines(problems))
        more = [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
        super().__init__("\n".join(lines[:_MOST_LINES] + more))
        self.problems = tuple(problems)

    def body(self, *, flatten: bool = False) -> dict[str, Any]:
        """Return the problems as Kong answers them; ``flatten``: also as a list of entities."""
        whole = _tree(self.problems)
        body = {
            "code": CODE,
            "name": NAME,
            "message": f"declarative config is invalid: {lua_text(whole)}",
            "fields": whole,
        }
        if not flatten:
            return body
        flat = [each for each in self.problems if _is_flat(each)]
        rest = [each for each in self.problems if not _is_flat(each)]
        return {**body, "fields": _tree(rest), "flattened_errors": list(map(_flattened, flat))}


def redacted_reasons(kind: DeclaredKind, reasons: Mapping[str, Why]) -> dict[str, Why]:
    """Return reasons without names of unknown fields that may be misplaced values."""
    shown: dict[str, Why] = {}
    for name, why in reasons.items():
        known = name == ENTITY or name in kind.schema.fields or _WORD.fullmatch(str(name))
        shown[name if known else REDACTED] = why
    return shown


def unknown_field(name: object) -> FieldProblem:
    """Return the problem of a name that a file cannot have."""
    return FieldProblem(
        name if isinstance(name, str) and _WORD.fullmatch(name) else REDACTED, _UNKNOWN
    )


def _is_flat(problem: Problem) -> TypeGuard[EntityProblem]:
    return (
        isinstance(problem, EntityProblem)
        and problem.at is None
        and isinstance(problem.reasons, Mapping)
    )


def _spread(name: str, why: Why | None) -> Iterator[tuple[str, str]]:
    if why is None:
        return
    if isinstance(why, str):
        yield name, why
        return
    members = enumerate(why, start=1) if isinstance(why, list) else why.items()
    for key, inner in members:
        if key == ENTITY and isinstance(inner, list):
            yield from ((name, str(text)) for text in inner)
        else:
            yield from _spread(f"{name}.{key}", inner)


def _tree(problems: Sequence[Problem]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for problem in problems:
        if isinstance(problem, FieldProblem):
            root[problem.name] = problem.why
        elif problem.at is not None or isinstance(problem.reasons, list):
            by_name = root.setdefault(str(problem.path[0]), {})
            by_name[problem.at] = problem.reasons
        else:
            _place(root, problem.path, problem.reasons)
    return {name: _as_lists(member) for name, member in root.items()}


def _place(node: dict[Any, Any], path: Path, reasons: Mapping[str, Why] | str) -> None:
    *parents, last = path
    for step in parents:
        node = node.setdefault(step, {})
    if isinstance(reasons, str):
        node[last] = reasons
    else:
        node.setdefault(last, {}).update(reasons)


def _as_lists(node: Any) -> Any:
    """Turn objects whose names are places into lists, with null for what is fine."""
    if not isinstance(node, dict):
        return node
    members = {name: _as_lists(member) for name, member in node.items()}
    if members and all(isinstance(name, int) for name in members):
        return [members.get(place) for place in range(max(members) + 1)]
    return {
        str(name + 1) if isinstance(name, int) else name: each for name, each in members.items()
    }


def _flattened(problem: EntityProblem) -> dict[str, Any]:
    values = problem.values
    told = {
        "entity_type": problem.kind.singular,
        "entity_id": values.get("id"),
        "entity_name": values.get("name"),
        "entity_tags": values.get("tags"),
    }
    errors = [
        {"type": "entity", "message": text}
        if name is None
        else {"type": "field", "field": name, "message": text}
        for name, text in problem.texts()
    ]
    shown = {name: value for name, value in told.items() if value is not None}
    return {**shown, "entity": _shown(problem), "errors": errors}


def _shown(problem: EntityProblem) -> dict[str, Any]:
    """Return an entity's known fields without its secrets."""
    fields = problem.kind.schema.fields
    shown = {
        name: value
        for name, value in problem.values.items()
        if name in fields and not fields[name].secret
    }
    if isinstance(config := shown.get("config"), Mapping):
        shown["config"] = {
            name: MASK if name in SECRET_FIELDS else value for name, value in config.items()
        }
    return {**shown, **{name: {"id": owner} for name, owner in problem.owner.items()}}


def in_a_line(error: DeclarationError) -> str:
    """Return what is wrong with a file as a line for a terminal."""
    return "; ".join(str(error).splitlines())


def _lines(problems: Sequence[Problem]) -> Iterator[str]:
    for problem in problems:
        if isinstance(problem, FieldProblem):
            yield problem.why if problem.name == "error" else f"{problem.name}: {problem.why}"
        else:
            for name, text in problem.texts():
                yield ": ".join(filter(None, (problem.title(), name, text)))
