"""Members of a request's body, for conditions on them."""

import json
from collections.abc import Mapping
from typing import Any

_GRAPHQL = "application/graphql"


class BodyMembers:
    """The members of a JSON object, or the ``query`` of a GraphQL document; none of other bodies.

    Never raises, whatever the body.  Numbers are texts of their digits: none is too large.
    """

    def __init__(self, content_type: str, body: bytes | None) -> None:
        self._members = _read(content_type, body) if body else {}

    def text(self, name: str) -> str | None:
        """Return a member as text: of this very name, else at the end of a path with dots."""
        if name in self._members or "." not in name:
            return _as_text(self._members.get(name))
        found: Any = self._members
        for step in name.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return _as_text(found)


def _read(content_type: str, body: bytes) -> Mapping[str, Any]:
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type == _GRAPHQL:
        return {"query": body.decode("utf-8", "replace")}
    if "json" not in media_type:
        return {}
    try:
        members = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):  # both come with what strangers send
        return {}
    return members if isinstance(members, dict) else {}


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:  # it could be read, but from higher up the stack
        return None
