"""Without a database everything can be read, and every write ends as Kong's do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from authsvc.memory import MemoryDatabase
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving
from tests.fakes.declarations import Published, a_consumer, declared
from tests.fakes.declared_api import serving_declared
from tests.fakes.ring import held_ring

ALICE = "11111111-1111-4111-8111-111111111111"
KEY = "22222222-2222-4222-8222-222222222222"
FILE = declared(
    consumers=[{**a_consumer("alice", "key-a", id=KEY), "id": ALICE, "acls": [{"group": "g"}]}],
    services=[{"name": "s", "host": "h"}],
    routes=[{"name": "r", "service": "s"}],
    plugins=[{"name": "key-auth", "route": "r"}],
)


@pytest.fixture
async def client() -> AsyncIterator[AdminClient]:
    ring = await held_ring(MemoryDatabase())
    async with serving_declared(Published(FILE), keyring=ring.endpoints()) as client:
        yield client


async def test_everything_can_be_read(client: AdminClient) -> None:
    for path in (
        "/consumers/alice/key-auth-enc/key-a",
        f"/key-auths-enc/{KEY}/consumer",
        "/consumers/alice/acls/g",
        "/services/s/routes",
        "/routes/r/plugins",
        "/tags",
        "/schemas/consumers",
        "/openapi.json",
        "/tokens",
        "/audit",
    ):
        assert (await client.get(path)).status == 200, path
    assert (await client.get("/key-auths")).json()["data"][0]["key"] == "key-a"


WRITES: dict[str, tuple[str, str, dict[str, Any] | None, str]] = {
    "create": ("POST", "/consumers", {"username": "b"}, "create 'consumers' entities"),
    "create below an owner": (
        "POST",
        "/consumers/alice/key-auth-enc",
        {},
        "create 'keyauth_enc_credentials' entities",
    ),
    "put by name": (
        "PUT",
        "/services/s",
        {"host": "h"},
        "create or update 'services' entities by 'name'",
    ),
    "put by id": (
        "PUT",
        f"/consumers/{ALICE}",
        {"username": "b"},
        "create or update 'consumers' entities",
    ),
    "put below an owner": (
        "PUT",
        "/consumers/alice/key-auth/another",
        {},
        "create or update 'keyauth_enc_credentials' entities by 'key'",
    ),
    "change by name": (
        "PATCH",
        "/consumers/alice",
        {"custom_id": "c"},
        "update 'consumers' entities by 'username'",
    ),
    "change by id": ("PATCH", f"/consumers/{ALICE}", {}, "update 'consumers' entities"),
    "change below an owner": (
        "PATCH",
        "/consumers/alice/acls/g",
        {"group": "h"},
        "update 'acls' entities",
    ),
    "delete by key": (
        "DELETE",
        "/key-auths-enc/key-a",
        None,
        "remove 'keyauth_enc_credentials' entities by 'key'",
    ),
    "delete below an owner": (
        "DELETE",
        "/consumers/alice/key-auth-enc/key-a",
        None,
        "remove 'keyauth_enc_credentials' entities",
    ),
    "put the owner of something": (
        "PUT",
        f"/key-auths-enc/{KEY}/consumer",
        {"username": "b"},
        "create or update 'consumers' entities",
    ),
    "exchange a key": (
        "POST",
        f"/key-auths-enc/{KEY}/rotate",
        {},
        "create 'keyauth_enc_credentials' entities",
    ),
    "create a token": (
        "POST",
        "/tokens",
        {"name": "t", "role": "viewer"},
        "create 'tokens' entities",
    ),
}


@pytest.mark.parametrize(("method", "path", "body", "told"), WRITES.values(), ids=WRITES)
async def test_a_write_is_refused_in_the_words_of_kong(
    client: AdminClient, method: str, path: str, body: dict[str, Any] | None, told: str
) -> None:
    sent = {} if body is None else {"json": body}
    answer = await client.send(method, path, **sent)
    assert (answer.status, answer.json()) == (
        405,
        {
            "code": 12,
            "name": "operation unsupported",
            "message": f"cannot {told} when not using a database",
        },
    )
    assert (await client.get("/consumers/alice")).json()["custom_id"] is None


JUDGED_FIRST: dict[str, tuple[str, str, dict[str, Any] | None, int]] = {
    "not valid": ("POST", "/consumers", {}, 400),
    "not there to change": ("PATCH", "/consumers/nobody", {"username": "b"}, 404),
    "not there to delete": ("DELETE", "/consumers/nobody", None, 204),
    "not there below an owner": ("DELETE", "/consumers/alice/acls/nope", None, 404),
    "only a question": ("POST", "/schemas/consumers/validate", {"username": "b"}, 200),
}


@pytest.mark.parametrize(
    ("method", "path", "body", "status"), JUDGED_FIRST.values(), ids=JUDGED_FIRST
)
async def test_what_is_wrong_anyway_is_told_first(
    client: AdminClient, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    sent = {} if body is None else {"json": body}
    assert (await client.send(method, path, **sent)).status == status


async def test_there_is_no_keyring(client: AdminClient) -> None:
    for method, path in (("GET", "/keyring"), ("POST", "/keyring/generate")):
        answer = await client.send(method, path)
        assert answer.status == 400
        assert "database" in answer.json()["message"]


async def test_the_node_says_that_it_has_no_database(client: AdminClient) -> None:
    assert (await client.get("/")).json()["configuration"]["database"] == "off"
    status = (await client.get("/status")).json()
    assert status["configuration_hash"] == FILE.digest
    assert "database" not in status


async def test_with_a_database_there_is_no_configuration_as_in_kong() -> None:
    async with serving(MemoryDatabase()) as client:
        for method, sent in (("GET", {}), ("POST", {"json": {"_format_version": "3.0"}})):
            answer = await client.send(method, "/config", **sent)
            assert (answer.status, answer.json()) == (
                400,
                {
                    "message": "this endpoint is only available when Kong is configured to "
                    "not use a database"
                },
            )
