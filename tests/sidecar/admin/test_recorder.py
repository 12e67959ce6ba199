"""Each use of the ring is in the audit log, also one that changed nothing or failed."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from authsvc.errors import StoreUnavailableError
from authsvc.memory import MemoryDatabase
from authsvc.recovery_key import RecoveryKey
from authsvc.store import Stores
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving
from tests.fakes.ring import empty_ring, held_ring, recovery_pair

PUBLIC, PRIVATE = recovery_pair()
OTHER_PRIVATE = recovery_pair(1)[1]


@pytest.fixture
async def admin(stores: Stores) -> AsyncIterator[AdminClient]:
    """An Admin API with a new ring and a recovery key."""
    await empty_ring(stores)
    held = await held_ring(stores, recovery=RecoveryKey.from_pem(PUBLIC))
    async with serving(stores, sealer=held.sealer, keyring=held.endpoints()) as client:
        yield client


async def told(client: AdminClient) -> list[tuple[Any, ...]]:
    rows = (await client.get("/audit?size=1000")).json()["data"]
    return [(row["route"], row["refused"], len(row["entities"])) for row in rows]


async def test_every_use_of_the_ring_is_told_once(admin: AdminClient) -> None:
    start = len(await told(admin))
    made = (await admin.post("/keyring/generate")).json()
    await admin.post("/keyring/activate", {"key": made["id"]})
    exported = (await admin.post("/keyring/export")).json()
    assert exported["data"]
    body = {"data": exported["data"], "private_key": PRIVATE}
    assert (await admin.post("/keyring/import", body)).status == 201  # all keys are there
    assert (await admin.post("/keyring/recover", {"recovery_private_key": PRIVATE})).status == 200
    assert [each[:2] for each in (await told(admin))[start:]] == [
        (f"/keyring/{name}", None)
        for name in ("generate", "activate", "export", "import", "recover")
    ]


async def test_what_the_ring_refuses_is_told_with_its_status(admin: AdminClient) -> None:
    start = len(await told(admin))
    exported = (await admin.post("/keyring/export")).json()
    attempts = {
        "import": {"data": exported["data"], "private_key": OTHER_PRIVATE},
        "recover": {"recovery_private_key": "canary"},
        "remove": {"key": (await admin.get("/keyring/active")).json()["id"]},
        "activate": {"key": "nosuchky"},
    }
    statuses = [
        (await admin.post(f"/keyring/{name}", body)).status for name, body in attempts.items()
    ]
    assert statuses == [400, 400, 409, 404]
    assert (await told(admin))[start + 1 :] == [
        (f"/keyring/{name}", status, 0) for name, status in zip(attempts, statuses, strict=True)
    ]
    assert "canary" not in str((await admin.get("/audit?size=1000")).json())


async def test_looking_at_the_ring_is_not_told(admin: AdminClient) -> None:
    start = await told(admin)
    for path in ("/keyring", "/keyring/active", "/keyring/rotation"):
        assert (await admin.get(path)).status == 200
    assert await told(admin) == start


async def test_what_cannot_be_told_is_not_handed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stores = MemoryDatabase()
    held = await held_ring(stores, recovery=RecoveryKey.from_pem(PUBLIC))

    async def away() -> None:
        raise StoreUnavailableError

    monkeypatch.setattr(stores.audit, "note", away)
    async with serving(stores, sealer=held.sealer, keyring=held.endpoints()) as client:
        answer = await client.post("/keyring/export")
    assert answer.status == 503
    assert "data" not in answer.json()
