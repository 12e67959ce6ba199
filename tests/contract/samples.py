"""One entity of each kind, with something in each of its fields."""

from collections.abc import Callable
from dataclasses import dataclass

from authsvc.entities import Entity
from authsvc.store import EntityStore, Stores
from tests.fakes.entities import (
    a_consumer,
    a_credential,
    a_digest,
    a_plugin,
    a_route,
    a_service,
    a_token,
    an_acl,
    an_id,
)


@dataclass(frozen=True)
class Sample:
    """A kind: its store, an entity, the unique fields to find it by, and other values of those."""

    store: Callable[[Stores], EntityStore[Entity]]
    entity: Entity
    found_by: tuple[str, ...]
    changed: dict[str, object]


SAMPLES = {
    "consumers": Sample(
        lambda stores: stores.consumers,
        a_consumer(9, username="Ann", custom_id="ünï code", tags=("x", "y z")),
        ("username",),
        {"username": None, "custom_id": "other", "tags": ()},
    ),
    "credentials": Sample(
        lambda stores: stores.credentials,
        a_credential(
            9,
            of=1,
            expires_at=2_000_000,
            tags=("x",),
            enabled=False,
            name="laptop",
            metadata={"plan": ["gold", None]},
            index_key_id="idx00001",
        ),
        ("digest",),
        {"digest": a_digest("new"), "consumer_id": an_id(2), "expires_at": None},
    ),
    "acls": Sample(
        lambda stores: stores.acls,
        an_acl(9, of=1, group="ádmin", tags=("x",)),
        ("consumer_id", "group"),
        {"group": "other", "consumer_id": an_id(2), "tags": None},
    ),
    "services": Sample(
        lambda stores: stores.services,
        a_service(9, path="/p", port=65535, enabled=False, tags=("x",)),
        ("name",),
        {"name": None, "host": "other", "retries": 0},
    ),
    "routes": Sample(
        lambda stores: stores.routes,
        a_route(
            9,
            service_id=an_id(3),
            protocols=("grpc",),
            methods=("GET",),
            hosts=(),
            paths=("/a", "~/b$"),
            headers={"x-a": ["1", "2"]},
            preserve_host=True,
            regex_priority=-1,
            tags=("x",),
        ),
        ("name",),
        {"name": None, "headers": None, "hosts": ("h",), "service_id": None},
    ),
    "plugins": Sample(
        lambda stores: stores.plugins,
        a_plugin(
            9,
            instance_name="one",
            route_id=an_id(4),
            service_id=an_id(3),
            config={"allow": ["a"], "deep": {"n": None, "f": 1.5, "t": True, "ü": "€"}},
            tags=("x",),
        ),
        ("instance_name",),
        {"instance_name": "two", "config": {}, "enabled": False, "route_id": None},
    ),
    "tokens": Sample(
        lambda stores: stores.tokens,
        a_token(9, tags=("x",), expires_at=2_000_000),
        ("name",),
        {"name": "other", "role": "admin", "token_hash": a_digest("other"), "expires_at": None},
    ),
}
NOBODY = an_id(77)
