"""A sync as decK makes it: read everything with a tag, compare, and write the difference by id.

decK reads the version, the schemas (for defaults) and every list page by page; it creates and
updates by PUT to an id of its own, credentials below their consumer, and deletes by id, children
first.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from authsvc.store import Stores
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving

TAG = "managed-by-deck"
# Parents first; the path of an entity, and where its kind is listed.
KINDS = {
    "services": ("/services", "/services"),
    "routes": ("/routes", "/routes"),
    "consumers": ("/consumers", "/consumers"),
    "keys": ("/consumers/{consumer}/key-auth", "/key-auths"),
    "groups": ("/consumers/{consumer}/acls", "/acls"),
    "plugins": ("/plugins", "/plugins"),
}
_SET_BY_THE_SERVER = {"created_at", "updated_at", "ttl"}
State = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Writes:
    """What a sync did."""

    created: int
    updated: int
    deleted: int


def an_id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, name))


def wanted(**kinds: Mapping[str, dict[str, Any]]) -> State:
    """Return a state: entities by kind and id, with the tag that makes them decK's."""
    return {
        kind: {
            an_id(f"{kind}/{name}"): {"id": an_id(f"{kind}/{name}"), "tags": [TAG], **fields}
            for name, fields in kinds.get(kind, {}).items()
        }
        for kind in KINDS
    }


def of(kind: str, name: str) -> dict[str, str]:
    return {"id": an_id(f"{kind}/{name}")}


class Deck:
    """One user of decK."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    async def sync(self, state: State) -> Writes:
        """Make what is there what is wanted."""
        assert (await self._client.get("/")).json()["version"].startswith("3.")
        current = {kind: await self._listed(kind) for kind in KINDS}
        created = updated = deleted = 0
        for kind in reversed(KINDS):
            for gone in current[kind].keys() - state[kind].keys():
                await self._delete(kind, current[kind][gone])
                deleted += 1
        for kind in KINDS:
            for entity_id, entity in state[kind].items():
                before = current[kind].get(entity_id)
                if before is None or _differs(entity, before):
                    await self._put(kind, entity)
                    created, updated = created + (before is None), updated + (before is not None)
        return Writes(created, updated, deleted)

    async def _listed(self, kind: str) -> dict[str, dict[str, Any]]:
        page, found = f"{KINDS[kind][1]}?size=2&tags={TAG}", {}
        while page:
            answer = (await self._client.get(page)).json()
            found |= {row["id"]: row for row in answer["data"]}
            page = answer["next"]
        return found

    async def _put(self, kind: str, entity: dict[str, Any]) -> None:
        answer = await self._client.put(f"{_path(kind, entity)}/{entity['id']}", entity)
        assert answer.status == 200, answer.body

    async def _delete(self, kind: str, entity: dict[str, Any]) -> None:
        answer = await self._client.delete(f"{_path(kind, entity)}/{entity['id']}")
        # What belonged to a consumer that is gone is gone as well.
        assert answer.status in {204, 404}, answer.body


def _path(kind: str, entity: dict[str, Any]) -> str:
    return KINDS[kind][0].format(consumer=(entity.get("consumer") or {}).get("id"))


def _differs(entity: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    names = entity.keys() - _SET_BY_THE_SERVER - {"config"}
    config, stored = entity.get("config", {}), before.get("config", {})
    return any(entity[name] != before.get(name) for name in names) or any(
        config[name] != stored.get(name) for name in config
    )


FULL = wanted(
    services={"orders": {"name": "orders", "host": "orders.internal", "port": 8080}},
    routes={
        name: {"name": name, "paths": [f"/{name}"], "service": of("services", "orders")}
        for name in ("a", "b", "c")
    },
    consumers={f"user-{n}": {"username": f"user-{n}", "custom_id": f"c{n}"} for n in range(5)},
    keys={
        f"key-{n}": {"key": f"a-key-of-user-{n}", "consumer": of("consumers", f"user-{n}")}
        for n in range(5)
    },
    groups={"staff": {"group": "staff", "consumer": of("consumers", "user-0")}},
    plugins={
        "auth": {"name": "key-auth", "config": {"key_names": ["apikey", "x-key"]}},
        "acl": {"name": "acl", "config": {"allow": ["staff"]}, "route": of("routes", "a")},
    },
)
COUNT = sum(map(len, FULL.values()))


@pytest.fixture
async def client(stores: Stores) -> AsyncIterator[AdminClient]:
    async with serving(stores) as client:
        yield client


async def test_a_sync_creates_everything_and_the_next_one_has_nothing_to_do(
    client: AdminClient,
) -> None:
    deck = Deck(client)
    assert await deck.sync(FULL) == Writes(created=COUNT, updated=0, deleted=0)
    assert await deck.sync(FULL) == Writes(created=0, updated=0, deleted=0)


async def test_a_change_writes_only_what_changed(client: AdminClient) -> None:
    deck = Deck(client)
    await deck.sync(FULL)
    changed: State = {kind: dict(entities) for kind, entities in FULL.items()}
    user, key = an_id("consumers/user-1"), an_id("keys/key-2")
    changed["consumers"][user] = {**FULL["consumers"][user], "username": "renamed"}
    changed["keys"][key] = {**FULL["keys"][key], "key": "another-key"}
    del changed["groups"][an_id("groups/staff")]
    changed["consumers"] |= wanted(consumers={"new": {"username": "new"}})["consumers"]
    assert await deck.sync(changed) == Writes(created=1, updated=2, deleted=1)
    assert await deck.sync(changed) == Writes(created=0, updated=0, deleted=0)
    assert (await client.get("/consumers/renamed")).json()["id"] == user


async def test_an_empty_file_deletes_what_is_tagged_and_leaves_the_rest(
    client: AdminClient,
) -> None:
    deck = Deck(client)
    other = (await client.post("/consumers", {"username": "somebody-elses"})).json()
    await client.post("/consumers/somebody-elses/key-auth", {"key": "theirs"})
    await deck.sync(FULL)
    assert await deck.sync(wanted()) == Writes(created=0, updated=0, deleted=COUNT)
    assert (await client.get("/consumers")).json()["data"] == [other]
    assert len((await client.get("/key-auths")).json()["data"]) == 1
    assert (await client.get("/tags")).json()["data"] == []


async def test_the_defaults_that_deck_fills_in_come_from_the_schemas(client: AdminClient) -> None:
    deck = Deck(client)
    await deck.sync(FULL)
    for kind, path in {"services": "/services", "routes": "/routes"}.items():
        printed = (await client.get(f"/schemas/{kind}")).json()["fields"]
        defaults = {
            name: known["default"]
            for field in printed
            for name, known in field.items()
            if "default" in known
        }
        assert defaults
        for row in (await client.get(path)).json()["data"]:
            given = FULL[kind][row["id"]]
            assert all(row[name] == given.get(name, value) for name, value in defaults.items())
