"""Masks XML: elements and attributes of any depth; all else stays as it was, byte for byte.

Names count without their prefix.  Entities that a document declares are refused: they can be made
to unfold into gigabytes, and to hide what they stand for.
"""

import re
from dataclasses import dataclass
from xml.parsers import expat

from analytics.bodies.secrecy import Secrecy
from analytics.masking import MASK

_ATTRIBUTE = re.compile(rb"""(\s+)([^\s=/>]+)(\s*=\s*)("[^"]*"|'[^']*')""")
_TAG_NAME = re.compile(rb"<[^\s/>]+")
_MAX_DEPTH = 500


@dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: bytes


def masked_xml(data: bytes, secrecy: Secrecy) -> bytes:
    """Return XML as it may be shown.

    Raises:
        ValueError: It is no XML, declares entities, or is nested too deeply.
    """
    reader = _Reader(data, secrecy)
    parts = []
    position = 0
    for edit in reader.read():
        parts += [data[position : edit.start], edit.text]
        position = edit.end
    return b"".join([*parts, data[position:]])


class _Reader:
    """Finds what is to be changed, in the order of the document."""

    def __init__(self, data: bytes, secrecy: Secrecy) -> None:
        self._data = data
        self._secrecy = secrecy
        self._edits: list[_Edit] = []
        self._depth = 0
        # An element that goes with all that is in it: at which depth, from where, and what stays.
        self._hidden_at: int | None = None
        self._hidden_from = 0
        self._removed = False
        self._parser = expat.ParserCreate()
        self._parser.ordered_attributes = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.EntityDeclHandler = self._entity

    def read(self) -> list[_Edit]:
        try:
            self._parser.Parse(self._data, True)
        except (expat.ExpatError, UnicodeError, LookupError):  # the last: an unknown charset
            raise ValueError("not XML") from None
        return self._edits

    def _start(self, tag: str, attributes: list[str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ValueError("nested too deeply")
        if self._hidden_at is not None:
            return
        name, start = _local(tag), self._parser.CurrentByteIndex
        self._removed = self._secrecy.removes(name)
        if self._removed or self._secrecy.hides(name):
            self._hidden_at = self._depth
            self._hidden_from = start if self._removed else self._end_of_tag(start)
        if attributes and not self._removed:
            self._edit_attributes(start, all_hidden=self._hidden_at is not None)

    def _end(self, _tag: str) -> None:
        if self._hidden_at == self._depth:
            self._hidden_at = None
            end = self._parser.CurrentByteIndex  # of <a/> where it ends, else where </a> begins
            if self._removed:
                if self._data.startswith(b"</", end):
                    end = self._data.index(b">", end) + 1
                self._edits.append(_Edit(self._hidden_from, end, b""))
            elif end > self._hidden_from + 1:  # one character is no secret
                self._edits.append(_Edit(self._hidden_from, end, MASK.encode()))
            self._removed = False
        self._depth -= 1

    def _entity(self, *_declaration: object) -> None:
        raise ValueError("entities are not read")

    def _end_of_tag(self, start: int) -> int:
        position = self._attributes_from(start)
        while found := _ATTRIBUTE.match(self._data, position):
            position = found.end()
        return self._data.index(b">", position) + 1

    def _attributes_from(self, start: int) -> int:
        found = _TAG_NAME.match(self._data, start)
        if found is None:  # in a charset in which this is not what it looks like
            raise ValueError("not readable")
        return found.end()

    def _edit_attributes(self, start: int, *, all_hidden: bool) -> None:
        position = self._attributes_from(start)
        while found := _ATTRIBUTE.match(self._data, position):
            name = _local(found.group(2).decode("utf-8", "replace"))
            if self._secrecy.removes(name):
                self._edits.append(_Edit(found.start(), found.end(), b""))
            elif all_hidden or self._secrecy.hides(name):
                self._edits.append(_Edit(found.start(4) + 1, found.end(4) - 1, MASK.encode()))
            position = found.end()


def _local(name: str) -> str:
    return name.rpartition(":")[2]
