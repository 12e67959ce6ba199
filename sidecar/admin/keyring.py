"""``/keyring``: the data keys that credentials are sealed under, as in Kong, and their rotation.

A key in clear leaves once, in the answer to ``generate``.  Bodies come as forms or as JSON.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from authsvc.custodian import ClearKey, Custodian
from authsvc.errors import (
    KeyInUseError,
    RecoveryKeyError,
    RingChangedError,
    RootKeyError,
    RotationRunningError,
    UniqueViolationError,
)
from authsvc.ring_store import Rotation
from authsvc.root_key import RootKey
from authsvc.rotator import Rotator
from authsvc.sealing import DATA, INDEX
from sidecar.admin.call import Call, Handler, Reply
from sidecar.admin.operation import JsonSchema, Operation
from sidecar.admin.payload import Payload
from sidecar.admin.problems import ProblemError, plain
from sidecar.admin.roles import ADMINS_ONLY, CONFIGURATION, Access
from sidecar.admin.routing import Endpoint
from sidecar.errors import SidecarError

_PURPOSES = (DATA, INDEX)
_TEXT: JsonSchema = {"type": "string"}
_NUMBER: JsonSchema = {"type": "integer"}
_NO_RECOVERY_KEY = "keyring.recovery_public_key_file is not set"
_NO_VAULT = "the root key does not come from a vault: keyring.root_key_source says from where"


def _object(*names: str) -> JsonSchema:
    return {"type": "object", "properties": dict.fromkeys(names, _TEXT), "required": list(names)}


_RING: JsonSchema = {
    "type": "object",
    "properties": {"ids": {"type": "array", "items": _TEXT}, "active": _TEXT},
    "required": ["ids"],
}
_ROTATION: JsonSchema = {
    "type": "object",
    "properties": {
        "status": {"enum": ["none", "running", "done", "incomplete"]},
        **dict.fromkeys(("purpose", "target"), _TEXT),
        **dict.fromkeys(("total", "done", "failed", "started_at"), _NUMBER),
        "finished_at": {"type": ["integer", "null"]},
    },
    "required": ["status"],
}
_OPERATIONS: Mapping[str, Operation] = {
    "": Operation(summary="Show the ring.", gives=_RING),
    "/active": Operation(summary="Show its active key.", gives=_object("id")),
    "/generate": Operation(
        summary="Make a key, and show it once.", status=201, gives=_object("id", "key")
    ),
    "/activate": Operation(summary="Let a key seal.", status=204, takes=_object("key")),
    "/remove": Operation(summary="Take a key off the ring.", status=204, takes=_object("key")),
    "/export": Operation(summary="Export the ring, encrypted.", gives=_object("data")),
    "/import": Operation(
        summary="Put an exported ring's keys on this one.",
        status=201,
        takes=_object("data", "private_key"),
    ),
    "/import/raw": Operation(
        summary="Put a key on the ring.", status=201, takes=_object("id", "data")
    ),
    "/recover": Operation(
        summary="Bring keys back from their copies.",
        gives={"type": "object"},
        takes=_object("recovery_private_key"),
    ),
    "/rotate": Operation(
        summary="Let a new key take over, and bring all rows under it.",
        status=202,
        gives=_ROTATION,
        takes={"type": "object", "properties": {"purpose": {"enum": list(_PURPOSES)}}},
    ),
    "/rotation": Operation(summary="Show how far the rotation is.", gives=_ROTATION),
    "/vault/sync": Operation(
        summary="See whether the vault's root key opens the ring.", status=204
    ),
}


FetchRootKey = Callable[[], Awaitable[RootKey]]
"""Asks the vault for the root key again; raises a ``SidecarError`` if that is in vain."""


class KeyringEndpoints:
    """What may be done to the ring."""

    def __init__(
        self, custodian: Custodian, rotator: Rotator, *, vault: FetchRootKey | None = None
    ) -> None:
        self._custodian = custodian
        self._rotator = rotator
        self._vault = vault

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints."""
        reading = {"": self._show, "/active": self._show_active, "/rotation": self._show_rotation}
        writing = {
            "/generate": self._generate,
            "/activate": self._activate,
            "/remove": self._remove,
            "/export": self._export,
            "/import": self._import,
            "/import/raw": self._import_raw,
            "/recover": self._recover,
            "/rotate": self._rotate,
            "/vault/sync": self._sync,
        }
        return [
            *(_endpoint(path, "GET", reading[path], CONFIGURATION) for path in reading),
            *(_endpoint(path, "POST", writing[path], ADMINS_ONLY) for path in writing),
        ]

    async def _show(self, _call: Call) -> Reply:
        ring = await self._custodian.ring()
        body: dict[str, Any] = {"ids": list(ring.ids)}
        if ring.active is not None:
            body["active"] = ring.active
        return Reply(body=body)

    async def _show_active(self, _call: Call) -> Reply:
        active = (await self._custodian.ring()).active
        if active is None:
            raise plain(404, "No key is active")
        return Reply(body={"id": active})

    async def _generate(self, _call: Call) -> Reply:
        clear, seq = await self._custodian.generate()
        body = {"id": clear.id, "key": base64.b64encode(clear.key).decode()}
        return Reply(status=201, body=body, wrote=True, seq=seq)

    async def _activate(self, call: Call) -> Reply:
        seq = await self._custodian.activate(_text(call.payload, "key", "id"))
        return _changed(seq)

    async def _remove(self, call: Call) -> Reply:
        seq = await self._custodian.remove(_text(call.payload, "key", "id"))
        return _changed(seq)

    async def _export(self, _call: Call) -> Reply:
        if not self._custodian.can_export:
            raise plain(400, _NO_RECOVERY_KEY)
        return Reply(body={"data": await self._custodian.export()})

    async def _import(self, call: Call) -> Reply:
        data, private = _text(call.payload, "data"), _text(call.payload, "private_key")
        seq = await self._custodian.import_ring(data, private)
        return Reply(status=201, wrote=True, seq=seq)

    async def _import_raw(self, call: Call) -> Reply:
        key_id, data = _text(call.payload, "id"), _text(call.payload, "data")
        try:
            clear = ClearKey(key_id, base64.b64decode(data, validate=True))
            seq = await self._custodian.add(clear)
        except (binascii.Error, ValueError):
            message = "id: expected 8 letters or digits; data: expected 32 bytes as base64"
            raise plain(400, message) from None
        return Reply(status=201, wrote=True, seq=seq)

    async def _recover(self, call: Call) -> Reply:
        if not self._custodian.can_export:
            raise plain(400, _NO_RECOVERY_KEY)
        back = await self._custodian.recover(_text(call.payload, "recovery_private_key"))
        body = {
            "message": f"successfully recovered {len(back.recovered)} keys",
            "recovered": list(back.recovered),
            "not_recovered": list(back.not_recovered),
        }
        return Reply(body=body, wrote=True)

    async def _rotate(self, call: Call) -> Reply:
        purpose = call.payload.values.get("purpose", DATA)
        if purpose not in _PURPOSES:
            raise plain(400, f"purpose: expected one of: {', '.join(_PURPOSES)}")
        rotation, seq = await self._rotator.begin(purpose)
        return Reply(status=202, body=_shown(rotation), wrote=True, seq=seq)

    async def _show_rotation(self, _call: Call) -> Reply:
        rotation = await self._rotator.read()
        return Reply(body={"status": "none"} if rotation is None else _shown(rotation))

    async def _sync(self, _call: Call) -> Reply:
        if self._vault is None:
            raise plain(400, _NO_VAULT)
        try:
            await self._custodian.try_root_key(await self._vault())
        except SidecarError as error:
            raise plain(503, _sentence(str(error))) from None
        except RootKeyError:
            raise plain(409, "The vault's root key does not open the keyring") from None
        return Reply(status=204)


def _shown(rotation: Rotation) -> dict[str, Any]:
    return asdict(rotation)


def _changed(seq: int | None) -> Reply:
    if seq is None:
        raise plain(404, "No such key")
    return Reply(status=204, wrote=True, seq=seq)


def _text(payload: Payload, *names: str) -> str:
    """Return the text that was sent under one of these names; the value is never repeated."""
    given = next((payload.values[name] for name in names if name in payload.values), None)
    if not isinstance(given, str) or not given:
        raise plain(400, f"{names[0]}: expected a string")
    return given


def _endpoint(path: str, method: str, handler: Handler, access: Access) -> Endpoint:
    operations = {method: _OPERATIONS[path]}
    handlers = {method: _explained(handler)}
    return Endpoint(f"/keyring{path}", handlers, access, operations, audited=True)


def _explained(handler: Handler) -> Callable[[Call], Awaitable[Reply]]:
    """Tell what the ring refused; none of these errors carries a key."""

    async def answer(call: Call) -> Reply:
        try:
            return await handler(call)
        except tuple(_STATUSES) as error:
            raise _problem(error) from None

    return answer


def _problem(error: Exception) -> ProblemError:
    status = next(status for kind, status in _STATUSES.items() if isinstance(error, kind))
    return plain(status, _sentence(str(error)))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


_STATUSES: dict[type[Exception], int] = {
    KeyInUseError: 409,
    UniqueViolationError: 409,
    RingChangedError: 409,
    RotationRunningError: 409,
    RecoveryKeyError: 400,
    RootKeyError: 500,
}
