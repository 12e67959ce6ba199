"""The audit log, as the Admin API writes and shows it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from authsvc.memory import MemoryDatabase
from authsvc.memory.audit_trail import MemoryAuditTrail
from authsvc.store import Stores
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving

KEY = "canary-key-4711"
OWNER = "the-token-of-the-file"
NOW = 4_000_000_000.25  # later than the stores think


@pytest.fixture
async def locked(stores: Stores) -> AsyncIterator[AdminClient]:
    async with serving(stores, token=OWNER, clock=lambda: NOW, audit_key=bytes(32)) as client:
        yield client


async def entries(client: AdminClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get("/audit?size=1000")).json()["data"]
    return found


async def before(client: AdminClient) -> int:
    found = await entries(client)
    return found[-1]["seq"] if found else 0


async def test_a_write_is_known_by_who_what_when_and_from_where(locked: AdminClient) -> None:
    start = await before(locked)
    token = (await locked.post("/tokens", {"name": "ann", "role": "operator"})).json()
    headers: dict[str, str | None] = {"Authorization": f"Bearer {token['token']}"}
    consumer = (
        await locked.send("POST", "/consumers", json={"username": "x"}, headers=headers)
    ).json()
    by_owner, by_ann = (await entries(locked))[start:]
    expected = {
        "seq": start + 2,
        "at": 4_000_000_000_250,
        "who": "ann",
        "role": "operator",
        "source": "127.0.0.1",
        "method": "POST",
        "route": "/consumers",
        "entities": [f"consumers/{consumer['id']}"],
    }
    assert {name: by_ann[name] for name in expected} == expected
    assert by_owner["who"] == "token_file"
    assert by_owner["entities"] == [f"tokens/{token['id']}"]


async def test_every_kind_of_write_is_there_and_no_key(locked: AdminClient) -> None:
    start = await before(locked)
    await locked.put("/consumers/bob", {})
    path = f"/consumers/bob/key-auth-enc/{KEY}"
    await locked.put(path, {})
    await locked.patch(path, {"tags": ["a"]})
    await locked.post(f"{path}/rotate", {"overlap": 5})
    await locked.delete(path)
    await locked.put("/consumers/bob/acls/staff", {})
    await locked.delete("/consumers/bob")
    made = (await entries(locked))[start:]
    assert [entry["method"] for entry in made] == [
        *("PUT", "PUT", "PATCH", "POST", "POST", "DELETE", "PUT", "DELETE")
    ]
    assert KEY not in str(made)
    assert made[1]["route"] == "/consumers/{consumers}/key-auth-enc/{keyauth_enc_credentials}"


async def test_what_wrote_nothing_is_not(locked: AdminClient) -> None:
    start = await before(locked)
    await locked.get("/consumers")
    await locked.delete("/consumers/nobody")
    await locked.post("/consumers", {})
    await locked.post("/schemas/consumers/validate", {"username": "x"})
    assert (await entries(locked))[start:] == []


async def test_it_is_read_page_by_page(locked: AdminClient) -> None:
    for name in "abc":
        await locked.put(f"/services/{name}", {"host": "h"})
    seqs, page = [], "/audit?size=2"
    while page:
        answer = (await locked.get(page)).json()
        seqs += [entry["seq"] for entry in answer["data"]]
        page = answer["next"]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= 3
    assert (await locked.get("/audit?offset=x")).json()["code"] == 7
    assert (await locked.get("/audit?offset=WyJhIl0")).json()["code"] == 7


async def test_nobody_can_write_to_it(locked: AdminClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/audit", "/audit/verify"):
            assert (await locked.send(method, path, json={})).status == 405


async def test_an_intact_log_is_told_so_with_its_head(locked: AdminClient) -> None:
    await locked.put("/services/a", {"host": "h"})
    noted = (await locked.get("/audit/verify")).json()
    last = (await entries(locked))[-1]
    assert noted == {"intact": True, "head": f"{last['seq']}:{last['mac']}", "broken": None}
    await locked.put("/services/b", {"host": "h"})
    again = (await locked.get(f"/audit/verify?head={noted['head']}")).json()
    assert again["intact"]
    other = f"{last['seq']}:{'0' * 64}"
    moved = (await locked.get(f"/audit/verify?head={other}")).json()
    assert (moved["intact"], moved["broken"]) == (False, last["seq"])
    beyond = (await locked.get(f"/audit/verify?head=99999:{'0' * 64}")).json()
    assert (beyond["intact"], beyond["broken"]) == (False, 99999)
    assert (await locked.get("/audit/verify?head=x")).status == 400


async def test_a_head_of_what_is_not_kept_any_more_is_no_sign_of_meddling() -> None:
    database = MemoryDatabase()
    database.audit = database.changes.audit = MemoryAuditTrail(most_entries=2)
    async with serving(database, token=OWNER, audit_key=bytes(32)) as client:
        heads = []
        for name in "abcd":
            await client.put(f"/services/{name}", {"host": "h"})
            heads.append((await client.get("/audit/verify")).json())
        assert all(each["intact"] for each in heads)
        oldest, last_dropped, _, newest = [
            await client.get(f"/audit/verify?head={each['head']}") for each in heads
        ]
        assert oldest.status == 400
        assert "not kept" in oldest.json()["message"]
        assert last_dropped.json()["intact"]
        assert newest.json()["intact"]


async def test_another_key_does_not_verify_it(locked: AdminClient, stores: Stores) -> None:
    await locked.put("/services/a", {"host": "h"})
    async with serving(stores, audit_key=b"x" * 32) as other:
        assert not (await other.get("/audit/verify")).json()["intact"]
