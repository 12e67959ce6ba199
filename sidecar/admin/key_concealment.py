"""Who sees stored keys in clear; everybody else gets null, and a hint to tell keys apart.

Whoever creates a key is always shown it, once: nobody else could have told them.  Secrets in the
configurations of plugins are shown to admins alone: nobody else may change them.
"""

from collections.abc import Mapping
from typing import Any

from sidecar.admin.call import Reply
from sidecar.admin.operation import Listed, Operation, Shown
from sidecar.admin.plugin_configs import SECRET_FIELDS
from sidecar.admin.roles import Caller, Role
from sidecar.admin.schema import Schema
from sidecar.secret import MASK

_CREATING = frozenset({"POST", "PUT"})
_HINT = 4  # characters
_LONG_ENOUGH = 20  # characters: what the hint leaves unsaid is still far beyond guessing


class KeyConcealment:
    """Takes keys out of answers. ``reveal``: only out of those to viewers."""

    def __init__(self, *, reveal: bool) -> None:
        self._reveal = reveal

    def applied(
        self, reply: Reply, *, caller: Caller, method: str, operation: Operation | None
    ) -> Mapping[str, Any] | None:
        """Return the answer's body as this caller may see it."""
        if reply.body is None or operation is None:
            return reply.body
        match operation.gives:
            case Shown(schema):
                return self._seen(reply.body, schema, caller, method)
            case Listed(Schema() as schema):
                rows = [self._seen(row, schema, caller, method) for row in reply.body["data"]]
                return {**reply.body, "data": rows}
            case _:
                return reply.body

    def _seen(
        self, entity: Mapping[str, Any], schema: Schema, caller: Caller, method: str
    ) -> Mapping[str, Any]:
        if schema.variants is not None and caller.role is not Role.ADMIN:
            entity = {**entity, "config": _without_secrets(entity["config"])}
        return entity if self._may_see(caller, method) else _concealed(entity, schema)

    def _may_see(self, caller: Caller, method: str) -> bool:
        if caller.role is Role.VIEWER:
            return False
        return self._reveal or method in _CREATING


def _concealed(entity: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for name, value in entity.items():
        known = schema.fields.get(name)
        if known is not None and known.secret:
            shown |= {name: None, f"{name}_hint": _hint(value)}
        else:
            shown[name] = value
    return shown


def _without_secrets(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: MASK if name in SECRET_FIELDS else value for name, value in config.items()}


def _hint(key: str | None) -> str | None:
    return f"{key[:_HINT]}…" if key is not None and len(key) >= _LONG_ENOUGH else None
