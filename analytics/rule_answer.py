"""What a rule answers in the upstream's place, or adds to the upstream's answer."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from analytics.errors import DocumentError
from analytics.merge_tags import filled, filled_text, has_tags

MAX_BODY = 64 * 1024  # bytes, before tags are filled in
_MAX_VALUE = 4096  # bytes of a header's value; Envoy refuses an answer that does not fit
_STATUSES = range(200, 600)
_JSON = "application/json; charset=utf-8"
_CONTENT_TYPE = "content-type"
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """The answer of one rule. Names of headers are in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: Any = None
    variables: frozenset[str] = frozenset()
    has_tags: bool = False
    encoded: str = field(default="", repr=False)  # the body, where no tag is in it

    def headers_for(self, values: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the headers with their tags filled in; a value that cannot be one is left out."""
        if not self.variables:
            return list(self.headers)
        rendered = [
            (name, _printable(filled_text(value, self.variables, values)))
            for name, value in self.headers
        ]
        return [(name, value) for name, value in rendered if _fits(value)]

    def body_for(self, values: Mapping[str, str]) -> str:
        """Return the body with its tags filled in."""
        if not self.has_tags:
            return self.encoded
        return _encode(filled(self.body, self.variables, values), self.headers)


def read_answer(
    raw: object,
    *,
    variables: frozenset[str],
    blocks: bool,
    refuses_header: Callable[[str], bool],
) -> tuple[RuleAnswer, list[str]]:
    """Read a rule's ``response``; return also which of its headers are left out, and why.

    Raises:
        DocumentError: It is none, or nothing that a rule that blocks could answer.
    """
    response = {} if raw is None else raw
    if not isinstance(response, dict):
        raise DocumentError("its response is no object")
    headers, flaws = _read_headers(response.get("headers"), blocks, refuses_header)
    if not blocks:
        return RuleAnswer(0, headers, variables=variables), flaws
    body = response.get("body")
    if body is not None and _CONTENT_TYPE not in dict(headers):
        headers = (*headers, (_CONTENT_TYPE, _JSON))
    answer = RuleAnswer(
        status=_status(response.get("status")),
        headers=headers,
        body=body,
        variables=variables,
        has_tags=has_tags(body, variables),
        encoded=_encode(body, headers),
    )
    if len(answer.encoded.encode()) > MAX_BODY:
        raise DocumentError("its body is too large")
    return answer, flaws


def _read_headers(
    raw: object, blocks: bool, refuses_header: Callable[[str], bool]
) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    if raw is None:
        return (), []
    if not isinstance(raw, dict):
        raise DocumentError("its headers are no object")
    headers: dict[str, str] = {}
    flaws = []
    for given, value in raw.items():
        name = given.lower()
        if why := _problem(name, value, blocks, refuses_header):
            flaws.append(why)
        else:
            headers.setdefault(name, str(value))
    return tuple(headers.items()), flaws


def _problem(
    name: str, value: object, blocks: bool, refuses_header: Callable[[str], bool]
) -> str | None:
    if not name or not _TOKEN.issuperset(name):
        return "header ignored: its name is none"
    if refuses_header(name) or (name == _CONTENT_TYPE and not blocks):
        return f"header ignored: no rule may set {name}"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return f"header ignored: the value of {name} is no text"
    text = str(value)
    return (
        None if text == _printable(text) and _fits(text) else f"header ignored: {name} is no line"
    )


def _status(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in _STATUSES:
        raise DocumentError("it blocks, and has no status to answer")
    return value


def _encode(body: Any, headers: Collection[tuple[str, str]]) -> str:
    if body is None:
        return ""
    is_json = "json" in dict(headers).get(_CONTENT_TYPE, _JSON).lower()
    if isinstance(body, str) and not is_json:
        return body
    return orjson.dumps(body).decode()


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _fits(value: str) -> bool:
    return len(value.encode("utf-8", "replace")) <= _MAX_VALUE
