"""Entities for tests: only what the test is about has to be said."""

import hashlib
from typing import Any

from authsvc.entities import (
    Acl,
    AdminToken,
    Consumer,
    Plugin,
    Route,
    Service,
    StoredCredential,
    WrappedKey,
)


def an_id(number: int) -> str:
    """Return an id; a greater number gives one that sorts later."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def a_digest(text: str) -> bytes:
    """Return 32 bytes that stand for a key's blind index."""
    return hashlib.sha256(text.encode()).digest()


def a_consumer(number: int, **fields: Any) -> Consumer:
    """Return a consumer with a username of its own."""
    chosen = {"username": f"consumer-{number}", "created_at": 1, "updated_at": 1} | fields
    return Consumer(id=an_id(number), **chosen)


def a_credential(number: int, *, of: int, **fields: Any) -> StoredCredential:
    """Return a credential of consumer number ``of``, with a key of its own."""
    chosen = {
        "created_at": 1,
        "digest": a_digest(f"key-{number}"),
        "sealed_key": b"\x01key00001" + bytes(40),
    } | fields
    return StoredCredential(id=an_id(number), consumer_id=an_id(of), **chosen)


def an_acl(number: int, *, of: int, **fields: Any) -> Acl:
    """Return a membership of consumer number ``of``."""
    chosen = {"created_at": 1, "group": f"group-{number}"} | fields
    return Acl(id=an_id(number), consumer_id=an_id(of), **chosen)


def a_service(number: int, **fields: Any) -> Service:
    """Return a service with a name of its own."""
    chosen = {"name": f"service-{number}", "created_at": 1, "updated_at": 1, "host": "h"} | fields
    return Service(id=an_id(number), **chosen)


def a_route(number: int, **fields: Any) -> Route:
    """Return a route with a name of its own."""
    chosen = {"name": f"route-{number}", "created_at": 1, "updated_at": 1} | fields
    return Route(id=an_id(number), **chosen)


def a_plugin(number: int, **fields: Any) -> Plugin:
    """Return a plugin of the name ``acl``, for everything."""
    chosen = {"name": "acl", "created_at": 1, "updated_at": 1, "config": {}} | fields
    return Plugin(id=an_id(number), **chosen)


def a_token(number: int, **fields: Any) -> AdminToken:
    """Return a token of the Admin API with a name of its own."""
    chosen = {
        "name": f"token-{number}",
        "created_at": 1,
        "role": "viewer",
        "token_hash": a_digest(f"token-{number}"),
    } | fields
    return AdminToken(id=an_id(number), **chosen)


def a_wrapped_key(key_id: str, **fields: Any) -> WrappedKey:
    """Return an inactive data key."""
    chosen = {"created_at": 1, "purpose": "data", "wrapped": b"wrapped"} | fields
    return WrappedKey(id=key_id, **chosen)
