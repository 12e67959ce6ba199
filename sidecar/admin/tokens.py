"""Tokens of the Admin API: created with a role, shown once, kept as hashes, deleted to revoke.

One that was given a ``ttl`` ends by itself: the store finds it no more, whoever asks.

A token has 256 random bits, so a plain SHA-256 of it cannot be guessed from; its prefix lets
secret scanners know it.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from authsvc.entities import AdminToken
from authsvc.store import EntityStore
from sidecar.admin.call import Call, Reply
from sidecar.admin.containers import Automatic, Field
from sidecar.admin.documents import Clock
from sidecar.admin.endpoints import AnyResource, top_level, written_reply
from sidecar.admin.expiry import remaining
from sidecar.admin.guard import CREATED_PREFIX, RESERVED_NAMES
from sidecar.admin.kinds import Text
from sidecar.admin.problems import schema_violation
from sidecar.admin.resource import Resource
from sidecar.admin.roles import ADMINS_ONLY, Caller, Role
from sidecar.admin.routing import Endpoint
from sidecar.admin.row_writer import RowWriter
from sidecar.admin.schema import CREATED_AT, ID, TAGS, Schema, indexed_text
from sidecar.admin.text_checks import name as name_check

_BYTES = 32
_ROLES = frozenset(Role)


def generate_token() -> str:
    """Return a new token."""
    return CREATED_PREFIX + secrets.token_urlsafe(_BYTES)


def _not_reserved(text: str) -> str | None:
    return "is reserved" if text in RESERVED_NAMES else None


SCHEMA = Schema(
    name="tokens",
    fields={
        "id": ID,
        "created_at": CREATED_AT,
        "name": Field(
            kind=indexed_text(name_check, _not_reserved),
            required=True,
            doc="Whose it is: unique, and what the audit log says of its deeds.",
        ),
        "role": Field(kind=Text(one_of=tuple(Role)), required=True, doc="What it is good for."),
        "token": Field(
            kind=Text(),
            automatic=Automatic.GENERATED,
            generate=generate_token,
            secret=True,
            quiet=True,
            doc="The token itself: generated, and shown only in the answer that creates it.",
        ),
        "tags": TAGS,
    },
    endpoint_key="name",
    ttl=True,
)


class TokenCodec:
    """Hashes tokens on the way in; there is no way out."""

    def show(self, entity: AdminToken, *, now: float) -> dict[str, Any]:
        """Return what there is to show of a token, and the seconds that it still has as ``ttl``."""
        return {
            "id": entity.id,
            "created_at": entity.created_at,
            "name": entity.name,
            "role": entity.role,
            "token": None,
            "tags": None if entity.tags is None else list(entity.tags),
            "ttl": remaining(entity.expires_at, now=now),
        }

    def show_sealed(self, entity: AdminToken, *, now: float) -> dict[str, Any]:
        """Return the same."""
        return self.show(entity, now=now)

    def build(self, document: Mapping[str, Any], *, expires_at: int | None) -> AdminToken:
        """Return the stored form."""
        tags = document["tags"]
        return AdminToken(
            id=document["id"],
            created_at=document["created_at"],
            name=document["name"],
            role=document["role"],
            token_hash=_hash(document["token"]),
            expires_at=expires_at,
            tags=None if tags is None else tuple(tags),
        )

    def keys(self, name: str) -> Sequence[dict[str, object]]:
        """Return what the store is asked for."""
        return ({"name": name},)

    def field_of(self, column: str) -> str:
        """Return the API's name of a stored field."""
        return "token" if column == "token_hash" else column

    def collision(self, columns: Sequence[str], document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that collided."""
        return {name: document[name] for name in map(self.field_of, columns)}


def token_endpoints(store: EntityStore[AdminToken], *, clock: Clock) -> list[Endpoint]:
    """Return the endpoints ``/tokens`` and ``/tokens/{tokens}``: a token is never changed."""
    codec = TokenCodec()
    rows = RowWriter(SCHEMA, store=store, codec=codec)
    resource: AnyResource = Resource(
        SCHEMA, store=store, codec=codec, rows=rows, others={}, clock=clock
    )

    async def create(call: Call) -> Reply:
        if "token" in call.payload.values:
            raise schema_violation({"token": "is generated"})
        token = generate_token()
        payload = replace(call.payload, values={**call.payload.values, "token": token})
        reply = written_reply(resource, await resource.insert(payload), status=201)
        return replace(reply, body={**(reply.body or {}), "token": token})

    listed, single = top_level("tokens", resource, access=ADMINS_ONLY)
    return [
        _only(listed, GET=listed.handlers["GET"], POST=create),
        _only(single, GET=single.handlers["GET"], DELETE=single.handlers["DELETE"]),
    ]


class TokenCallers:
    """Finds whom a token belongs to."""

    def __init__(self, store: EntityStore[AdminToken]) -> None:
        self._store = store

    async def find(self, token: str) -> Caller | None:
        """Return whom a token belongs to, or None: it is none, or none any more.

        Raises:
            StoreUnavailableError: The store did not answer.
        """
        if not token.startswith(CREATED_PREFIX):
            return None
        found = await self._store.find(token_hash=_hash(token))
        if found is None or found.role not in _ROLES:
            return None
        return Caller(found.name, Role(found.role))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _only(endpoint: Endpoint, **handlers: Any) -> Endpoint:
    operations = {method: endpoint.operations[method] for method in handlers}
    return replace(endpoint, handlers=handlers, operations=operations)
