"""``/audit``: who wrote what; ``/audit/verify``: whether that is still as it was written."""

import re

from authsvc.audit import AuditChain, AuditEntry, AuditHead, AuditTrail, verify
from sidecar.admin.arguments import Arguments
from sidecar.admin.call import Call, Reply
from sidecar.admin.operation import JsonSchema, Listed, Operation
from sidecar.admin.paging import envelope, numbered_start, page_size
from sidecar.admin.problems import plain
from sidecar.admin.roles import ADMINS_ONLY, CONFIGURATION
from sidecar.admin.routing import Endpoint

_NOTED = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_TEXTS = ("who", "role", "source", "method", "route", "mac")
_ROW: JsonSchema = {
    "type": "object",
    "required": ["seq", "at", "entities", "refused", "times", *_TEXTS],
    "properties": {
        "seq": {"type": "integer", "minimum": 1},
        "at": {"type": "integer", "description": "Epoch milliseconds."},
        "entities": {"type": "array", "items": {"type": "string"}},
        "refused": {
            "type": ["integer", "null"],
            "description": "The HTTP status that it was refused with.",
        },
        "times": {"type": "integer", "minimum": 1},
        **{name: {"type": "string"} for name in _TEXTS},
    },
}
_VERDICT: JsonSchema = {
    "type": "object",
    "required": ["intact", "head", "broken"],
    "properties": {
        "intact": {"type": "boolean"},
        "head": {"type": "string", "description": "The last place up to which it is."},
        "broken": {"type": ["integer", "null"], "description": "The seq of the first bad entry."},
    },
}


class AuditEndpoints:
    """Answers from the trail."""

    def __init__(self, trail: AuditTrail, chain: AuditChain) -> None:
        self._trail = trail
        self._chain = chain

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints ``/audit`` and ``/audit/verify``."""
        listed = Operation(
            summary="List who wrote what, oldest first.",
            gives=Listed(_ROW),
            arguments=("size", "offset"),
        )
        verified = Operation(
            summary="Tell whether the audit log is as it was written.",
            gives=_VERDICT,
            arguments=("head",),
        )
        return [
            Endpoint("/audit", {"GET": self._list}, CONFIGURATION, {"GET": listed}),
            Endpoint("/audit/verify", {"GET": self._verify}, ADMINS_ONLY, {"GET": verified}),
        ]

    async def _list(self, call: Call) -> Reply:
        size = page_size(call.arguments)
        after = numbered_start(call.arguments)
        body = envelope(
            await self._trail.page(size=size + 1, after=after),
            size=size,
            path=call.path,
            arguments=call.arguments,
            show=_show,
            position=lambda entry: [str(entry.seq)],
            carried=("size",),
        )
        return Reply(body=body)

    async def _verify(self, call: Call) -> Reply:
        noted = _noted(call.arguments)
        if noted is not None and 0 < noted.seq < (await self._trail.start()).seq:
            raise plain(400, "head is of an entry that is not kept any more")
        verdict = await verify(self._trail, self._chain)
        broken = verdict.broken
        if noted is not None and noted.seq and not await self._has(noted):
            broken = min(noted.seq, broken or noted.seq)
        head = f"{verdict.head.seq}:{verdict.head.mac.hex()}"
        return Reply(body={"intact": broken is None, "head": head, "broken": broken})

    async def _has(self, noted: AuditHead) -> bool:
        """Tell whether a head is one of the chain's, as far as that is kept."""
        if noted == await self._trail.start():
            return True
        entries = await self._trail.page(size=1, after=noted.seq - 1)
        return bool(entries) and entries[0].head == noted


def _noted(arguments: Arguments) -> AuditHead | None:
    """Return the head that was noted earlier, and must still be in the chain."""
    if not arguments.has("head"):
        return None
    found = _NOTED.fullmatch(arguments.first("head") or "")
    if found is None:
        raise plain(400, "head must be one that was shown before")
    return AuditHead(int(found[1]), bytes.fromhex(found[2]))


def _show(entry: AuditEntry) -> dict[str, object]:
    deed = entry.deed
    return {
        "seq": entry.seq,
        "at": entry.at,
        "who": deed.who,
        "role": deed.role,
        "source": deed.source,
        "method": deed.method,
        "route": deed.route,
        "entities": list(entry.entities),
        "refused": deed.refused,
        "times": deed.times,
        "mac": entry.mac.hex(),
    }
