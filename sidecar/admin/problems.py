"""What the Admin API refuses, in Kong's words: codes, names, messages, fields.

Everything that is not a success is raised as a ``ProblemError``; ``error_responses`` alone turns
it into an answer.  None of them carries a key: where Kong would show one, ``REDACTED`` stands.
"""

from collections.abc import Mapping
from typing import Any

from sidecar.admin.lua_text import lua_text

REDACTED = "***"

Why = str | Mapping[str, "Why"] | list["Why | None"]
"""A reason, or reasons by field, or (None: this one is fine) by position."""


class ProblemError(Exception):
    """A request that ends in an error.

    Attributes:
        status: The HTTP status.
        body: The JSON object of the answer, or None for an empty body.
        headers: Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        body: Mapping[str, Any] | None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body
        self.headers = headers or {}


def plain(status: int, message: str, **headers: str) -> ProblemError:
    """Return a problem with nothing but a message."""
    return ProblemError(
        status, {"message": message}, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


def not_found() -> ProblemError:
    """Nothing is here."""
    return plain(404, "Not found")


def method_not_allowed(allowed: str) -> ProblemError:
    """Something is here, but not for this method."""
    return plain(405, "Method not allowed", Allow=allowed)


def invalid_primary_key() -> ProblemError:
    """The path wants an id and has something else."""
    reason = {"id": "expected a valid UUID"}
    return _coded(1, f"invalid primary key: '{lua_text(reason)}'", fields=reason)


def schema_violation(errors: Mapping[str, Why]) -> ProblemError:
    """The entity as sent is not valid; ``errors`` by field, ``@entity`` a list."""
    texts = _texts(errors)
    joined = "; ".join(texts)
    count = len(texts)
    message = (
        f"schema violation ({joined})" if count == 1 else f"{count} schema violations ({joined})"
    )
    return _coded(2, message, fields=errors)


def primary_key_violation(entity_id: str) -> ProblemError:
    """The id of a new entity is taken."""
    key = {"id": entity_id}
    return _coded(3, f"primary key violation on key '{lua_text(key)}'", fields=key)


def dangling_reference(field: str, entity: str, entity_id: str) -> ProblemError:
    """A reference by id leads nowhere."""
    key = {"id": entity_id}
    message = f"the foreign key '{lua_text(key)}' does not reference an existing '{entity}' entity."
    return _coded(4, message, fields={field: key})


def still_referenced(entity: str, by: str) -> ProblemError:
    """Something that is to be deleted is still referred to."""
    message = f"an existing '{by}' entity references this '{entity}' entity"
    return _coded(4, message, fields={"@referenced_by": by})


def unique_violation(values: Mapping[str, Any]) -> ProblemError:
    """Another entity already has these values; secrets among them are redacted by the caller."""
    return _coded(
        5, f"UNIQUE violation detected on '{lua_text(values)}'", status=409, fields=values
    )


def no_such_entity(field: str, value: str) -> ProblemError:
    """The entity to change does not exist; ``field`` is ``id`` or the one that names it."""
    key = {field: value}
    how = "primary key " if field == "id" else ""
    message = f"could not find the entity with {how}'{lua_text(key)}'"
    return _coded(6, message, status=404, fields=key)


def invalid_offset(offset: str, reason: str) -> ProblemError:
    """A page is asked for in words that no page ever gave out."""
    return _coded(7, f"'{offset}' is not a valid offset: {reason}")


def invalid_size(reason: str) -> ProblemError:
    """A page of an impossible size is asked for."""
    return _coded(9, reason)


def invalid_unique(field: str, reason: str) -> ProblemError:
    """The name in the path cannot be a name at all."""
    return _coded(10, reason, name=f"invalid unique {field}")


def invalid_option(option: str, reason: str) -> ProblemError:
    """A parameter that is not a field has a bad value."""
    return _coded(11, f"invalid option ({option}: {reason})", options={option: reason})


def unsupported(message: str) -> ProblemError:
    """What is asked for cannot be done here at all."""
    return _coded(12, message, status=405)


def operation_unsupported(action: str, entity: str, *, by: str | None = None) -> ProblemError:
    """Without a database nothing is written; ``by`` is the field that named the entity."""
    named = f" by '{by}'" if by else ""
    return unsupported(f"cannot {action} '{entity}' entities{named} when not using a database")


def unresolved_reference(field: str, by: str, value: str, entity: str) -> ProblemError:
    """A reference by name leads nowhere."""
    reason = (
        f"the foreign key cannot be resolved with '{lua_text({by: value})}' "
        f"for an existing '{entity}' entity"
    )
    message = f"foreign key unresolved ({field}.{by}: {reason})"
    return _coded(13, message, fields={field: {by: reason}})


_NAMES = {
    1: "invalid primary key",
    2: "schema violation",
    3: "primary key violation",
    4: "foreign key violation",
    5: "unique constraint violation",
    6: "not found",
    7: "invalid offset",
    9: "invalid size",
    11: "invalid options",
    12: "operation unsupported",
    13: "foreign keys unresolved",
}


def _coded(
    code: int, message: str, *, status: int = 400, name: str | None = None, **details: object
) -> ProblemError:
    return ProblemError(
        status, {"code": code, "name": name or _NAMES[code], "message": message, **details}
    )


def _texts(errors: Mapping[str, Why]) -> list[str]:
    entity = errors.get("@entity", [])
    texts = [str(text) for text in entity] if isinstance(entity, list) else []
    for name in sorted(errors.keys() - {"@entity"}):
        texts += _named(name, errors[name])
    return texts


def _named(name: str, why: Why | None) -> list[str]:
    if why is None:
        return []
    if isinstance(why, str):
        return [f"{name}: {why}"]
    members = (
        enumerate(why, start=1)  # positions are counted as Lua counts them
        if isinstance(why, list)
        else sorted(why.items())
    )
    return [text for key, inner in members for text in _named(f"{name}.{key}", inner)]
