"""What of a client's certificate names a user or a company.

A field is ``uri_san`` (the first of them), ``subject`` (all of it), or one attribute of the
subject: ``subject.CN``, ``subject.O``.  Envoy's log tells of no other alternative names, though
its message has a place for DNS names.
"""

import re
from collections.abc import Callable
from typing import Protocol


class Certified(Protocol):
    """What tells of a client's certificate; empty where there is none."""

    @property
    def peer_subject(self) -> str:
        """Its subject, as RFC 2253 writes it."""

    @property
    def peer_uris(self) -> tuple[str, ...]:
        """The URIs among its alternative names."""


CertificateField = Callable[[Certified], str | None]

_ATTRIBUTE = re.compile(r"subject\.([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)", re.ASCII)
# RFC 2253 and 4514: a backslash stands before a special character, or before two hex digits.
_PART = re.compile(r"(?:[^,+\\]|\\.)+", re.DOTALL)
_ESCAPED = re.compile(r"(?:\\[0-9A-Fa-f]{2})+|\\(.)", re.DOTALL)


def certificate_field(name: str) -> CertificateField:
    """Return what reads a field.

    Raises:
        ValueError: There is no such field.
    """
    if name in _FIELDS:
        return _FIELDS[name]
    attribute = _ATTRIBUTE.fullmatch(name)
    if attribute is None:
        raise ValueError("expected uri_san, subject or subject.<attribute>")
    wanted = attribute.group(1).lower()
    return lambda record: _attribute(record.peer_subject, wanted)


def _attribute(subject: str, wanted: str) -> str | None:
    for part in _PART.findall(subject):
        name, _, value = part.partition("=")
        if name.strip().lower() == wanted:
            return _ESCAPED.sub(_unescape, value).strip() or None
    return None


def _unescape(escaped: re.Match[str]) -> str:
    character = escaped.group(1)
    if character is not None:
        return str(character)
    return bytes.fromhex(escaped.group().replace("\\", "")).decode("utf-8", "replace")


_FIELDS: dict[str, CertificateField] = {
    "uri_san": lambda record: next(iter(record.peer_uris), None),
    "subject": lambda record: record.peer_subject or None,
}
