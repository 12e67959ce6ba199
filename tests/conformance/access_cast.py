"""The consumers of a case: made through the Admin API, changed by its steps, gone afterwards."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sidecar.admin_client import AdminClient

_PLACEHOLDER = re.compile(r"\$\{(\w+):([^}]*)\}")
_APPLIED = "wait=applied"

Consumers = Sequence[Mapping[str, Any]]
Step = Mapping[str, Any]


def consumer_id(name: str) -> str:
    """Return the id of a consumer before it exists: a plugin may have to name it."""
    return str(uuid5(NAMESPACE_URL, f"consumer:{name}"))


def credential_id(key: str) -> str:
    """Return the id of the credential with this key."""
    return str(uuid5(NAMESPACE_URL, f"credential:{key}"))


class Cast:
    """The consumers that there are now."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self._present: Consumers = ()
        self._ids: dict[str, str] = {}
        self._generated: dict[str, str] = {}

    async def appear(self, consumers: Consumers, *, anew: bool) -> None:
        """Have these consumers and no others; ``anew``: not even those that stayed from before."""
        if anew or consumers != self._present:
            await self.leave()
            self._ids = {_name(consumer): consumer_id(_name(consumer)) for consumer in consumers}
            await asyncio.gather(*map(self._create, consumers))
            await self._admin.send("PATCH", f"/consumers/{_any_id(self._ids)}?{_APPLIED}", {})
            self._present = consumers

    async def leave(self) -> None:
        """Have no consumers at all."""
        self._present = ()
        rows = await self._admin.rows("/consumers")
        await asyncio.gather(*(self._admin.send("DELETE", _path(row["id"])) for row in rows))

    async def change(self, step: Step) -> None:
        """Take a step that writes; every worker has applied it when this returns."""
        self._present = ()
        method, path, body = _WRITES[step["do"]](self._ids.get(step.get("username", "")), step)
        await self._admin.send(method, f"{path}?{_APPLIED}", body)
        renamed = step.get("set", {}).get("username") if step["do"] == "update_consumer" else None
        if renamed is not None:
            self._ids[renamed] = self._ids[step["username"]]

    def filled(self, value: Any) -> Any:
        """Return a request or an expectation with ids and keys in the place of placeholders."""
        if isinstance(value, dict):
            return {name: self.filled(member) for name, member in value.items()}
        if isinstance(value, list):
            return [self.filled(member) for member in value]
        return _PLACEHOLDER.sub(self._meaning, value) if isinstance(value, str) else value

    def _meaning(self, placeholder: re.Match[str]) -> str:
        kind, name = placeholder.groups()
        if kind == "generated_key":
            return self._generated[name]
        return credential_id(name) if kind == "credential_id" else self._ids[name]

    async def _create(self, consumer: Mapping[str, Any]) -> None:
        name = _name(consumer)
        id_ = self._ids[name]
        fields = {field: consumer[field] for field in ("username", "custom_id")}
        await self._admin.send("POST", "/consumers", {"id": id_, **fields})
        for number, credential in enumerate(consumer["credentials"]):
            row = await self._admin.send(*_credential(id_, credential))
            self._generated[f"{name}:{number}"] = row["key"]
        for group in consumer["acls"]:
            await self._admin.send("POST", f"{_path(id_)}/acls", {"group": group})


def fixed(value: Any) -> Any:
    """Return a configuration with ids in the place of placeholders."""
    if not isinstance(value, str):
        return value
    return _PLACEHOLDER.sub(lambda placeholder: consumer_id(placeholder[2]), value)


def _name(consumer: Mapping[str, Any]) -> str:
    return str(consumer["username"] or consumer["custom_id"])


def _any_id(ids: Mapping[str, str]) -> str:
    return next(iter(ids.values()))


def _path(id_: str | None) -> str:
    return f"/consumers/{id_}"


Write = tuple[str, str, dict[str, Any] | None]


def _credential(owner: str | None, fields: Mapping[str, Any]) -> Write:
    body = {field: fields[field] for field in ("key", "ttl") if fields.get(field) is not None}
    if "key" in body:
        body["id"] = credential_id(body["key"])
    return "POST", f"{_path(owner)}/key-auth-enc", body


_WRITES = {
    "create_credential": _credential,
    "update_credential": lambda _owner, step: (
        ("PATCH", f"/key-auths-enc/{credential_id(step['key'])}", step["set"])
    ),
    "delete_credential": lambda _owner, step: (
        ("DELETE", f"/key-auths-enc/{credential_id(step['key'])}", None)
    ),
    "create_acl": lambda owner, step: ("POST", f"{_path(owner)}/acls", {"group": step["group"]}),
    "update_acl": lambda owner, step: (
        ("PATCH", f"{_path(owner)}/acls/{step['group']}", step["set"])
    ),
    "delete_acl": lambda owner, step: ("DELETE", f"{_path(owner)}/acls/{step['group']}", None),
    "update_consumer": lambda owner, step: ("PATCH", _path(owner), step["set"]),
    "delete_consumer": lambda owner, _step: ("DELETE", _path(owner), None),
}
