"""The text of a declarative file as plain values: JSON, else YAML.

What callers can rely on:

1. What comes back is made of objects, lists, texts, numbers, booleans and null alone, nested no
   deeper than ``MAX_DEPTH``, and of at most ``MAX_VALUES`` values with every alias written out.
2. No name stands twice in an object of a YAML file; names are texts as they are written.
3. An error says where, and shows nothing of the text.

YAML is read event by event: PyYAML's own constructor recurses, and ends the process on a text of
nothing but brackets.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import yaml

MAX_DEPTH = 100
MAX_VALUES = 4_000_000
MAX_LENGTH = 64 * 2**20  # bytes

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's where it was built in
_RESOLVERS = yaml.SafeLoader.yaml_implicit_resolvers
_MERGE = "tag:yaml.org,2002:merge"
_TEXT = "tag:yaml.org,2002:str"
_FAILED = "failed parsing declarative configuration"


class DocumentError(Exception):
    """The text is not a document; the message says where, and shows nothing of it."""


def parse_document(text: bytes) -> Any:
    """Return the value that a text spells.

    Raises:
        DocumentError: It is neither JSON nor YAML, or not one that can be taken.
    """
    if len(text) > MAX_LENGTH:
        raise DocumentError(f"{_FAILED}: longer than {MAX_LENGTH >> 20} MiB")
    try:
        return orjson.loads(text)  # refuses what is nested too deep
    except orjson.JSONDecodeError:
        pass
    try:
        return _build(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise DocumentError(f"{_FAILED}: not valid YAML{place}") from None
    except UnicodeDecodeError:
        raise DocumentError(f"{_FAILED}: not UTF-8") from None


@dataclass(slots=True)
class _Open:
    """A list or an object that is not read to its end; ``names`` alternate with values."""

    is_object: bool
    anchor: str | None
    members: list[Any] = field(default_factory=list)
    merged: list[Any] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    size: int = 1


@dataclass(frozen=True, slots=True)
class _Name:
    """The name of a member whose value comes next; ``<<`` takes over another object's members."""

    text: str
    merges: bool


def _build(events: Iterable[Any]) -> Any:
    builder = _Builder()
    for event in events:
        builder.take(event)
    return builder.document


class _Builder:
    """Puts a document together from the events of its text."""

    def __init__(self) -> None:
        self.document: Any = None
        self._documents = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}

    def take(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._take_scalar(event)
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:  # also an alias within its own anchor
                    raise _refusal("an alias of nothing", event)
                self._add(*self._anchors[event.anchor], event)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                self._begin(event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._end(event)
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _refusal("more than one document", event)

    def _begin(self, event: Any) -> None:
        if len(self._open) == MAX_DEPTH:
            raise _refusal("nested too deep", event)
        if self._expects_name:
            raise _refusal("a name that is no text", event)
        if event.tag is not None:
            raise _refusal("a tag that is not known", event)
        self._open.append(_Open(isinstance(event, yaml.MappingStartEvent), event.anchor))

    def _end(self, event: Any) -> None:
        ended = self._open.pop()
        value = _object(ended) if ended.is_object else ended.members
        if ended.anchor:
            self._anchors[ended.anchor] = (value, ended.size)
        self._add(value, ended.size, event)

    def _take_scalar(self, event: Any) -> None:
        tag = _tag(event)
        if self._expects_name:
            self._name(event, merges=tag == _MERGE)
            return
        value = _scalar(tag, event)
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._add(value, 1, event)

    @property
    def _expects_name(self) -> bool:
        if not self._open or not self._open[-1].is_object:
            return False
        members = self._open[-1].members
        return not members or not isinstance(members[-1], _Name)

    def _name(self, event: Any, *, merges: bool) -> None:
        place = self._open[-1]
        if event.value in place.names:
            raise _refusal("a name that stands twice", event)
        place.names.add(event.value)
        place.members.append(_Name(event.value, merges))

    def _add(self, value: Any, size: int, event: Any) -> None:
        if not self._open:
            self.document = value
            return
        if self._expects_name:
            raise _refusal("a name that is no text", event)
        place = self._open[-1]
        place.size += size
        if place.size > MAX_VALUES:
            raise _refusal("too many values", event)
        if not place.is_object:
            place.members.append(value)
            return
        name = place.members[-1]
        if name.merges:
            place.members.pop()
            place.merged += _mergeable(value, event)
        else:
            place.members[-1] = (name.text, value)


def _object(ended: _Open) -> dict[str, Any]:
    inherited: dict[str, Any] = {}
    for other in reversed(ended.merged):  # the first one wins
        inherited |= other
    return inherited | dict(ended.members)


def _mergeable(value: Any, event: Any) -> Iterator[dict[str, Any]]:
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, dict):
            raise _refusal("a merge of what is no object", event)
        yield each


def _tag(event: Any) -> str:
    """Return what a scalar is: by its tag, or if it is plain by its looks."""
    if event.tag is not None and event.tag != "!":
        return str(event.tag)
    if not event.implicit[0]:
        return _TEXT
    candidates = [*_RESOLVERS.get(event.value[:1], ()), *_RESOLVERS.get(None, ())]
    return next((tag for tag, pattern in candidates if pattern.match(event.value)), _TEXT)


def _scalar(tag: str, event: Any) -> Any:
    if tag not in _CONSTRUCTED:
        if tag in _UNREAD:
            return event.value
        raise _refusal("a tag that is not known", event)
    try:
        return _CONSTRUCTED[tag](yaml.ScalarNode(tag, event.value))
    except (ValueError, KeyError, IndexError):  # `!!int x`; or of more digits than Python reads
        raise _refusal("a value that is not what its tag says", event) from None


def _refusal(what: str, event: Any) -> DocumentError:
    mark = event.start_mark
    return DocumentError(f"{_FAILED}: {what} (line {mark.line + 1}, column {mark.column + 1})")


_constructor = yaml.constructor.SafeConstructor()
_CONSTRUCTED = {
    "tag:yaml.org,2002:null": _constructor.construct_yaml_null,
    "tag:yaml.org,2002:bool": _constructor.construct_yaml_bool,
    "tag:yaml.org,2002:int": _constructor.construct_yaml_int,
    "tag:yaml.org,2002:float": _constructor.construct_yaml_float,
}
# A date stays the text that it is, as in JSON.
_UNREAD = frozenset({_TEXT, _MERGE, "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"})
