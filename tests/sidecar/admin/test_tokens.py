"""Tokens: who they are, and which endpoint is for which role."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from authsvc.errors import StoreUnavailableError
from authsvc.memory import MemoryDatabase
from authsvc.store import Stores
from sidecar.admin.roles import ADMINS_ONLY, Role
from sidecar.admin.routing import Endpoint
from sidecar.admin.tokens import TokenCallers
from tests.clients.admin_client import AdminClient
from tests.clients.raw_http import Response
from tests.fakes.admin_api import serving

OWNER = "the-token-of-the-file"


def bearer(token: str) -> dict[str, str | None]:
    return {"Authorization": f"Bearer {token}"}


async def create(client: AdminClient, name: str, role: str) -> dict[str, Any]:
    answer = await client.post("/tokens", {"name": name, "role": role})
    assert answer.status == 201
    created: dict[str, Any] = answer.json()
    return created


@pytest.fixture
async def locked(stores: Stores) -> AsyncIterator[AdminClient]:
    """A client with the token file's token."""
    async with serving(stores, token=OWNER) as client:
        yield client


async def test_a_token_is_shown_once_and_kept_as_a_hash(
    locked: AdminClient, stores: Stores
) -> None:
    created = await create(locked, "ann", "operator")
    assert re.fullmatch(r"tka_[A-Za-z0-9_-]{43}", created["token"])
    rest = {name: value for name, value in created.items() if name != "token"}
    assert (await locked.get("/tokens")).json()["data"] == [rest]
    assert (await locked.get("/tokens/ann")).json() == rest
    [stored] = await stores.tokens.page(size=10)
    assert created["token"].encode() not in stored.token_hash
    assert created["token"] not in repr(stored)


@pytest.mark.parametrize("header", ["Authorization", "Kong-Admin-Token"])
async def test_it_opens_by_either_header_until_it_is_deleted(
    locked: AdminClient, header: str
) -> None:
    token = (await create(locked, "ann", "viewer"))["token"]
    value = f"Bearer {token}" if header == "Authorization" else token
    locked.headers.pop("Authorization")
    sent: dict[str, str | None] = {header: value}
    assert (await locked.send("GET", "/consumers", headers=sent)).status == 200
    assert (await locked.send("DELETE", "/tokens/ann", headers=bearer(OWNER))).status == 204
    assert (await locked.send("GET", "/consumers", headers=sent)).status == 401


async def test_a_token_with_a_ttl_ends_by_itself(stores: Stores) -> None:
    async with serving(stores, token=OWNER) as client:
        body = {"name": "ann", "role": "viewer", "ttl": 60}
        created = (await client.post("/tokens", body)).json()
        assert 58 <= created["ttl"] <= 60
        assert 58 <= (await client.get("/tokens/ann")).json()["ttl"] <= 60
        headers = bearer(created["token"])
        assert (await client.send("GET", "/consumers", headers=headers)).status == 200
        [stored] = await stores.tokens.page(size=9)
        await stores.tokens.replace(replace(stored, expires_at=int(time.time())))
        assert (await client.send("GET", "/consumers", headers=headers)).status == 401
        assert (await client.get("/tokens")).json()["data"] == []
        assert (await client.post("/tokens", body)).status == 201


@pytest.mark.parametrize("ttl", [-1, 1.5, "soon", 100_000_001])
async def test_a_ttl_is_a_possible_number_of_seconds(quick: AdminClient, ttl: Any) -> None:
    answer = await quick.post("/tokens", {"name": "a", "role": "viewer", "ttl": ttl})
    assert (answer.status, answer.json()["code"]) == (400, 11)


async def test_of_two_tokens_one_has_to_be_known(locked: AdminClient) -> None:
    token = (await create(locked, "ann", "viewer"))["token"]
    both: dict[str, str | None] = {"Authorization": "Bearer tka_x", "Kong-Admin-Token": token}
    assert (await locked.send("GET", "/", headers=both)).status == 200


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no name": ({"role": "viewer"}, "name"),
    "no role": ({"name": "a"}, "role"),
    "a role that is none": ({"name": "a", "role": "root"}, "role"),
    "a name that is reserved": ({"name": "token_file", "role": "admin"}, "name"),
    "the name of no token at all": ({"name": "local", "role": "admin"}, "name"),
    "a token of one's own": ({"name": "a", "role": "admin", "token": "tka_1"}, "token"),
}


@pytest.mark.parametrize(("body", "field"), REFUSED.values(), ids=REFUSED)
async def test_what_makes_no_token_is_told(
    quick: AdminClient, body: dict[str, Any], field: str
) -> None:
    answer = await quick.post("/tokens", body)
    assert (answer.status, answer.json()["code"]) == (400, 2)
    assert set(answer.json()["fields"]) == {field}


async def test_a_name_is_taken_once(locked: AdminClient) -> None:
    await create(locked, "ann", "viewer")
    again = await locked.post("/tokens", {"name": "ann", "role": "admin"})
    assert (again.status, again.json()["fields"]) == (409, {"name": "ann"})


async def test_a_token_is_never_changed(locked: AdminClient) -> None:
    await create(locked, "ann", "viewer")
    assert (await locked.patch("/tokens/ann", {"role": "admin"})).status == 405
    assert (await locked.put("/tokens/ann", {"role": "admin"})).status == 405


async def test_while_the_store_is_away_only_the_owner_is_known() -> None:
    stores = MemoryDatabase()
    async with serving(stores, token=OWNER) as client:
        token = (await create(client, "ann", "admin"))["token"]

        async def fail(**_fields: object) -> None:
            raise StoreUnavailableError

        stores.tokens.find = fail  # type: ignore[method-assign]  # an outage
        assert (await client.send("GET", "/status", headers=bearer(token))).status == 503
        assert (await client.send("GET", "/status", headers=bearer("other"))).status == 401
        assert (await client.get("/status")).status == 200


async def test_a_role_that_nobody_knows_is_no_role(stores: Stores) -> None:
    async with serving(stores) as client:
        token = (await create(client, "ann", "viewer"))["token"]
    [stored] = await stores.tokens.page(size=1)
    find = TokenCallers(stores.tokens).find
    assert await find(token) is not None
    await stores.tokens.replace(type(stored)(**{**_fields(stored), "role": "root"}))
    assert await find(token) is None


def _fields(stored: Any) -> dict[str, Any]:
    return {name: getattr(stored, name) for name in type(stored).__slots__}


async def test_without_a_token_file_this_host_goes_on_as_before_and_tokens_as_theirs(
    stores: Stores,
) -> None:
    async with serving(stores) as client:
        token = (await create(client, "ann", "viewer"))["token"]
        assert (await client.put("/consumers/a", {})).status == 200
        assert (await client.send("GET", "/", headers=bearer("whatever"))).status == 200
        written = await client.send("PUT", "/consumers/b", json={}, headers=bearer(token))
        assert written.status == 403


async def test_a_revoked_token_does_not_become_this_hosts_admin(stores: Stores) -> None:
    async with serving(stores) as client:
        token = (await create(client, "ann", "viewer"))["token"]
        assert (await client.delete("/tokens/ann")).status == 204
        for headers in (bearer(token), {"Kong-Admin-Token": token}):
            sent = await client.send("PUT", "/consumers/b", json={}, headers=headers)
            assert sent.status == 401


# The least role for each path: to read, to write. A path that is not here fails the test.
V, OP, A = Role
TABLE = {
    "/": (V, A),
    "/acls": (V, OP),
    "/acls/{acls}": (V, OP),
    "/acls/{acls}/consumer": (V, OP),
    "/audit": (V, A),
    "/audit/verify": (A, A),
    "/config": (A, A),
    "/consumers": (V, OP),
    "/consumers/{consumers}": (V, OP),
    "/consumers/{consumers}/acls": (V, OP),
    "/consumers/{consumers}/acls/{acls}": (V, OP),
    "/endpoints": (V, A),
    "/openapi.json": (V, A),
    "/plugins": (V, A),
    "/plugins/{plugins}": (V, A),
    "/plugins/{plugins}/route": (V, A),
    "/plugins/{plugins}/service": (V, A),
    "/routes": (V, A),
    "/routes/{routes}": (V, A),
    "/routes/{routes}/plugins": (V, A),
    "/routes/{routes}/plugins/{plugins}": (V, A),
    "/routes/{routes}/service": (V, A),
    "/schemas/plugins/validate": (V, V),
    "/schemas/plugins/{plugin_names}": (V, V),
    "/schemas/{entities}": (V, V),
    "/schemas/{entities}/validate": (V, V),
    "/services": (V, A),
    "/services/{services}": (V, A),
    "/services/{services}/plugins": (V, A),
    "/services/{services}/plugins/{plugins}": (V, A),
    "/services/{services}/routes": (V, A),
    "/services/{services}/routes/{routes}": (V, A),
    "/status": (V, A),
    "/tags": (V, A),
    "/tags/{tags}": (V, A),
    "/timers": (V, A),
    "/tokens": (A, A),
    "/tokens/{tokens}": (A, A),
    **{
        f"{path}{item}": (V, OP)
        for path in (
            *("/key-auths-enc", "/key-auth-enc", "/key-auth-encs", "/key-auths"),
            *("/consumers/{consumers}/key-auth-enc", "/consumers/{consumers}/key-auth"),
        )
        for item in (
            *("", "/{keyauth_enc_credentials}", "/{keyauth_enc_credentials}/rotate"),
            *(() if "consumers" in path else ("/{keyauth_enc_credentials}/consumer",)),
        )
    },
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
FORBIDDEN = re.compile(r"This needs a token of the role (\w+)")


@asynccontextmanager
async def everybody(client: AdminClient) -> AsyncIterator[dict[Role, str]]:
    yield {role: (await create(client, f"a-{role}", role))["token"] for role in Role}


async def test_every_endpoint_is_open_to_its_roles_and_to_no_other() -> None:
    async with (
        serving(MemoryDatabase(), token=OWNER) as client,
        everybody(client) as tokens,
    ):
        listed = (await client.get("/endpoints")).json()["data"]
        assert set(listed) | {"/endpoints"} == set(TABLE)
        for template, (read, write) in TABLE.items():
            path = re.sub(r"\{(\w+)\}", "00000000-0000-4000-8000-000000000000", template)
            options = await client.send("OPTIONS", path)
            for method in (name for name in METHODS if name in options.headers["allow"]):
                needed = read if method in {"GET", "HEAD"} else write
                for role, token in tokens.items():
                    answer = await client.send(method, path, headers=bearer(token))
                    may = role.includes(needed)
                    assert _was_let_in(answer, method) == may, f"{role}: {method} {template}"
                    if not may and method != "HEAD":
                        found = FORBIDDEN.fullmatch(answer.json()["message"])
                        assert found
                        assert found[1] == needed


def _was_let_in(answer: Response, method: str) -> bool:
    assert answer.status != 401
    return answer.status != 403


def test_an_endpoint_that_says_nothing_is_for_admins() -> None:
    assert Endpoint("/new", {}).access == ADMINS_ONLY


async def test_options_tell_every_role_the_methods() -> None:
    async with (
        serving(MemoryDatabase(), token=OWNER) as client,
        everybody(client) as tokens,
    ):
        for token in tokens.values():
            assert (await client.send("OPTIONS", "/tokens", headers=bearer(token))).status == 204
        client.headers.pop("Authorization")
        assert (await client.send("OPTIONS", "/tokens")).status == 401


async def test_a_refused_write_writes_nothing() -> None:
    async with (
        serving(MemoryDatabase(), token=OWNER) as client,
        everybody(client) as tokens,
    ):
        body = {"name": "x", "host": "h"}
        for role in (Role.VIEWER, Role.OPERATOR):
            answer = await client.send("POST", "/services", json=body, headers=bearer(tokens[role]))
            assert answer.status == 403
        assert (await client.get("/services")).json()["data"] == []
