"""What was refused, in the audit log: told, and bounded."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from authsvc.audit import AuditChain, Deed, verify
from authsvc.errors import StoreUnavailableError
from authsvc.memory import MemoryDatabase
from authsvc.store import Stores
from sidecar.admin.refusals import MOST_KINDS, Refusals
from tests.clients.admin_client import AdminClient
from tests.deadline import eventually
from tests.fakes.admin_api import serving

OWNER = "the-token-of-the-file"
CHAIN = AuditChain(bytes(32))
NOBODY: dict[str, str | None] = {"Authorization": "Bearer wrong"}
DEED = Deed(
    who="unknown", role="unknown", source="::1", method="POST", route="/consumers", refused=401
)


@pytest.fixture
async def locked(stores: Stores) -> AsyncIterator[AdminClient]:
    async with serving(stores, token=OWNER) as client:
        yield client


async def refused(client: AdminClient) -> list[tuple[Any, ...]]:
    """Return what was refused: who, with which role, how, where, and with which status."""
    names = ("who", "role", "method", "route", "refused")
    rows = (await client.get("/audit?size=1000")).json()["data"]
    return [tuple(row[name] for name in names) for row in rows if row["refused"] is not None]


async def bearer(client: AdminClient, name: str, role: str) -> dict[str, str | None]:
    found = await client.post("/tokens", {"name": name, "role": role})
    return {"Authorization": f"Bearer {found.json()['token']}"}


KEYS = "/consumers/{consumers}/key-auth-enc"
REFUSED = {
    "a write": ("POST", "/consumers", "/consumers"),
    "a write on a path that leads nowhere": ("DELETE", "/a/b/c/canary", "unmatched"),
    "a read of keys": ("GET", "/key-auths-enc", "/key-auths-enc"),
    "a read of a consumer's keys": ("GET", "/consumers/canary/key-auth-enc", KEYS),
    "a look for keys": ("HEAD", "/consumers/canary/key-auth-enc", KEYS),
    "a read of plugins": ("GET", "/plugins", "/plugins"),
    "a read of tokens": ("GET", "/tokens", "/tokens"),
    "an export of the ring": ("POST", "/keyring/export", "unmatched"),  # no ring here
}


@pytest.mark.parametrize(("method", "path", "route"), REFUSED.values(), ids=REFUSED)
async def test_without_a_token_what_writes_or_shows_secrets_is_told(
    locked: AdminClient, method: str, path: str, route: str
) -> None:
    before = await refused(locked)
    assert (await locked.send(method, path, json={}, headers=NOBODY)).status == 401
    told = (await refused(locked))[len(before) :]
    assert told == [("unknown", "unknown", method, route, 401)]
    assert "canary" not in str((await locked.get("/audit")).json())


@pytest.mark.parametrize("path", ["/", "/status", "/consumers", "/consumers/x", "/a/b"])
async def test_other_reads_are_not(locked: AdminClient, path: str) -> None:
    before = await refused(locked)
    assert (await locked.send("GET", path, headers=NOBODY)).status == 401
    assert await refused(locked) == before


async def test_a_role_that_is_too_low_is_told_by_name(locked: AdminClient) -> None:
    ann = await bearer(locked, "ann", "viewer")
    assert (await locked.send("PUT", "/consumers/x", json={}, headers=ann)).status == 403
    assert (await locked.send("GET", "/tokens", headers=ann)).status == 403
    assert (await refused(locked))[-2:] == [
        ("ann", "viewer", "PUT", "/consumers/{consumers}", 403),
        ("ann", "viewer", "GET", "/tokens", 403),
    ]


async def test_writes_for_another_website_are_told(quick: AdminClient) -> None:
    headers: dict[str, str | None] = {"Origin": "https://evil.example"}
    assert (await quick.send("POST", "/consumers", json={}, headers=headers)).status == 403
    assert (await quick.send("POST", "/acls", headers={"Host": "evil.example"})).status == 421
    assert await refused(quick) == [
        ("unknown", "unknown", "POST", "/consumers", 403),
        ("unknown", "unknown", "POST", "/acls", 421),
    ]


async def test_what_is_wrong_otherwise_is_not_told(locked: AdminClient) -> None:
    before = await refused(locked)
    assert (await locked.post("/consumers", {"username": 1})).status == 400
    assert (await locked.patch("/consumers/nobody", {})).status == 404
    assert (await locked.post("/a/b", {})).status == 404
    assert await refused(locked) == before


async def test_a_flood_of_one_kind_makes_two_entries(locked: AdminClient, stores: Stores) -> None:
    before = await stores.audit.head()
    async with serving(stores, token=OWNER, audit_key=bytes(32)) as other:
        for _ in range(25):
            assert (await other.send("POST", "/consumers", json={}, headers=NOBODY)).status == 401
    entries = await stores.audit.page(size=10, after=before.seq)
    assert [entry.deed.times for entry in entries] == [1, 24]


class Hours:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_flood_of_many_kinds_is_told_together() -> None:
    stores, hours = MemoryDatabase(), Hours()
    refusals = Refusals(stores.audit, CHAIN, window=60, monotonic=hours)
    for number in range(500):
        await refusals.note(replace(DEED, source=f"10.0.0.{number}"))
    assert (await stores.audit.head()).seq == MOST_KINDS
    hours.now = 61
    await refusals.note(DEED)
    told = [entry.deed for entry in await stores.audit.page(size=100)][MOST_KINDS:]
    assert [(deed.source, deed.times, deed.refused) for deed in told] == [
        ("various", 500 - MOST_KINDS, 401),
        ("::1", 1, 401),
    ]
    assert (await verify(stores.audit, CHAIN)).broken is None


async def test_what_was_counted_is_told_when_the_window_ends() -> None:
    stores = MemoryDatabase()
    refusals = Refusals(stores.audit, CHAIN, window=0.05)

    async def told() -> bool:
        return [entry.deed.times for entry in await stores.audit.page(size=9)] == [1, 2]

    async with refusals.told():
        for _ in range(3):
            await refusals.note(DEED)
        await eventually(told, "the window to end")


async def test_what_cannot_be_told_now_is_told_later(monkeypatch: pytest.MonkeyPatch) -> None:
    stores = MemoryDatabase()
    refusals = Refusals(stores.audit, CHAIN)
    note = stores.audit.note

    async def away() -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(stores.audit, "note", away)
    for _ in range(3):
        await refusals.note(DEED)
    await refusals.tell()
    monkeypatch.setattr(stores.audit, "note", note)
    await refusals.tell()
    assert [entry.deed.times for entry in await stores.audit.page(size=9)] == [3]


async def test_a_store_that_hangs_does_not_keep_the_process_from_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stores = MemoryDatabase()
    refusals = Refusals(stores.audit, CHAIN)
    async with refusals.told():
        for _ in range(2):
            await refusals.note(DEED)
        monkeypatch.setattr(stores.audit, "note", asyncio.Event().wait)
    assert (await stores.audit.head()).seq == 1
