"""``POST …/key-auth-enc/{key}/rotate``: a new key for the same consumer, the old one going soon.

The body's ``overlap`` says for how many seconds the old key goes on, 0 by default.  The new one
takes over the old one's tags, name, metadata and expiry, and is disabled if that one was.
"""

import math
from dataclasses import replace
from typing import Any

from sidecar.admin import problems
from sidecar.admin.call import Call, Reply
from sidecar.admin.documents import Clock
from sidecar.admin.endpoints import AnyResource, FindOwner, written_reply
from sidecar.admin.kinds import Integer, InvalidValueError
from sidecar.admin.operation import JsonSchema, Operation, Shown
from sidecar.admin.payload import Payload
from sidecar.admin.roles import OPERATED
from sidecar.admin.routing import Endpoint

_MOST = 100_000_000  # seconds, as ttl
_OVERLAP = Integer(between=(0, _MOST))
_KEPT = ("consumer", "tags", "name", "metadata", "enabled")
_BODY: JsonSchema = {
    "type": "object",
    "properties": {
        "overlap": {"type": "integer", "minimum": 0, "maximum": _MOST},
        "key_format": {"enum": ["prefixed", None]},
    },
}
_ASKED = frozenset({"overlap", "key_format"})


def rotate_at(path: str, resource: AnyResource, find_owner: FindOwner, *, clock: Clock) -> Endpoint:
    """Return the endpoint below an item's path."""
    name = resource.schema.name

    async def rotate(call: Call) -> Reply:
        owner = await find_owner(call)
        old = await resource.locate(call.segments[name], owner)
        if old is None:
            raise problems.not_found()
        overlap = _overlap(call.payload)
        document = resource.show(old)
        values = {field: document[field] for field in _KEPT if field in document}
        values |= {key: call.payload.values[key] for key in call.payload.values if key != "overlap"}
        created = await resource.insert(Payload(values), expires_at=old.expires_at)
        ends = math.ceil(clock() + overlap) if overlap else math.floor(clock())
        seq = await resource.expire(old.id, ends)
        return written_reply(resource, replace(created, seq=max(created.seq, seq or 0)), status=201)

    operation = Operation(
        summary="Create a key in place of another.",
        status=201,
        gives=Shown(resource.schema),
        takes=_BODY,
        arguments=("wait",),
    )
    return Endpoint(f"{path}/{{{name}}}/rotate", {"POST": rotate}, OPERATED, {"POST": operation})


def _overlap(payload: Payload) -> int:
    unknown = {name: "unknown field" for name in payload.values if name not in _ASKED}
    if unknown:
        raise problems.schema_violation(unknown)
    given: Any = payload.values.get("overlap", 0)
    try:
        return _OVERLAP.accept(_OVERLAP.infer(given) if payload.is_form else given)
    except InvalidValueError:
        raise problems.invalid_option(
            "overlap", f"must be an integer between 0 and {_MOST}"
        ) from None
