"""The ring as the Admin API shows and changes it, and what never shows."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from authsvc.custodian import Custodian
from authsvc.recovery_key import RecoveryKey
from authsvc.root_key import RootKey
from authsvc.store import Stores
from sidecar.admin.keyring import KeyringEndpoints
from sidecar.errors import StartupError
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import sealer, serving
from tests.fakes.ring import (
    ANOTHER_ROOT_KEY,
    ROOT_KEY,
    Held,
    empty_ring,
    held_ring,
    hold,
    recovery_pair,
)

KEY = base64.b64encode(bytes(range(32))).decode()
PUBLIC, PRIVATE = recovery_pair()
LEAKED = ("canary", KEY, "PRIVATE KEY")


def served(stores: Stores, held: Held) -> Any:
    return serving(stores, sealer=held.sealer, keyring=held.endpoints())


@pytest.fixture
async def admin(stores: Stores) -> AsyncIterator[AdminClient]:
    """An Admin API whose ring is new, without a recovery key."""
    await empty_ring(stores)
    async with served(stores, await held_ring(stores)) as client:
        yield client


@pytest.fixture
async def recoverable(stores: Stores) -> AsyncIterator[AdminClient]:
    """The same with one."""
    await empty_ring(stores)
    recovery = RecoveryKey.from_pem(PUBLIC)
    async with served(stores, await held_ring(stores, recovery=recovery)) as client:
        yield client


async def ring(admin: AdminClient) -> dict[str, Any]:
    body: dict[str, Any] = (await admin.get("/keyring")).json()
    return body


async def make_key(admin: AdminClient) -> dict[str, Any]:
    await admin.put("/consumers/bob", {})
    made: dict[str, Any] = (await admin.post("/consumers/bob/key-auth-enc")).json()
    return made


async def test_a_generated_key_seals_only_once_it_is_activated(admin: AdminClient) -> None:
    before = await ring(admin)
    made = (await admin.send("POST", "/keyring/generate")).json()
    after = await ring(admin)
    assert after["active"] == before["active"] != made["id"]
    assert set(after["ids"]) == {*before["ids"], made["id"]}
    assert len(base64.b64decode(made["key"])) == 32
    assert (await admin.send("POST", "/keyring/activate", form={"key": made["id"]})).status == 204
    assert (await admin.get("/keyring/active")).json() == {"id": made["id"]}


async def test_a_key_goes_when_no_row_is_left_on_it(admin: AdminClient) -> None:
    first = (await ring(admin))["active"]
    credential = await make_key(admin)
    second = (await admin.send("POST", "/keyring/generate")).json()["id"]
    assert (await admin.post("/keyring/remove", {"key": first})).status == 409  # active
    await admin.post("/keyring/activate", {"key": second})
    assert (await admin.post("/keyring/remove", {"key": first})).status == 409  # a row left
    path = f"/consumers/bob/key-auth-enc/{credential['id']}"
    assert (await admin.patch(path, {"tags": ["touched"]})).status == 200  # sealed anew
    assert (await admin.post("/keyring/remove", {"id": first})).status == 204
    assert (await admin.post("/keyring/remove", {"key": first})).status == 404
    assert await ring(admin) == {"ids": [second], "active": second}
    assert (await admin.get(path)).json()["key"] == credential["key"]


@pytest.mark.parametrize("path", ["activate", "remove"])
@pytest.mark.parametrize("key", ["AbCd9999", "nul\x00", "../x", "é"])
async def test_a_key_that_is_not_there_is_not_found(
    admin: AdminClient, path: str, key: str
) -> None:
    answer = await admin.post(f"/keyring/{path}", {"key": key})
    assert (answer.status, answer.json()) == (404, {"message": "No such key"})


async def test_index_keys_are_not_data_keys(admin: AdminClient, stores: Stores) -> None:
    index = next(key.id for key in await stores.keyring.load() if key.purpose == "index")
    assert index not in (await ring(admin))["ids"]
    for path in ("activate", "remove"):
        assert (await admin.post(f"/keyring/{path}", {"key": index})).status == 404


async def test_a_raw_key_comes_and_is_not_active(admin: AdminClient) -> None:
    form = {"id": "AbCd1234", "data": KEY}
    assert (await admin.send("POST", "/keyring/import/raw", form=form)).status == 201
    assert "AbCd1234" in (await ring(admin))["ids"]
    assert (await ring(admin))["active"] != "AbCd1234"
    assert (await admin.post("/keyring/import/raw", form)).status == 409
    assert (await admin.post("/keyring/activate", {"key": "AbCd1234"})).status == 204
    assert (await make_key(admin))["key"]


BAD: dict[str, tuple[str, Any]] = {
    "no id": ("/keyring/activate", {}),
    "an id that is a number": ("/keyring/activate", {"key": 5}),
    "a list": ("/keyring/remove", {"key": ["canary"]}),
    "an id too short": ("/keyring/import/raw", {"id": "canary", "data": KEY}),
    "an id with a dash": ("/keyring/import/raw", {"id": "AbCd-234", "data": KEY}),
    "not base64": ("/keyring/import/raw", {"id": "AbCd1234", "data": KEY[:-2] + "*="}),
    "too short": ("/keyring/import/raw", {"id": "AbCd1234", "data": "Y2FuYXJ5"}),
    "no data": ("/keyring/import/raw", {"id": "AbCd1234"}),
    "not a ring": ("/keyring/import", {"data": "canary", "private_key": PRIVATE}),
    "no private key": ("/keyring/import", {"data": "canary", "private_key": "canary"}),
    "a public key": ("/keyring/recover", {"recovery_private_key": PUBLIC}),
    "no recovery key": ("/keyring/recover", {}),
    "no vault": ("/keyring/vault/sync", {"token": "canary"}),
}


@pytest.mark.parametrize("name", BAD)
async def test_what_is_not_right_is_refused_and_never_repeated(
    recoverable: AdminClient, name: str
) -> None:
    path, body = BAD[name]
    before = await ring(recoverable)
    answer = await recoverable.post(path, body)
    assert answer.status == 400
    assert not [secret for secret in LEAKED if secret in answer.body.decode()]
    assert await ring(recoverable) == before


@pytest.mark.parametrize("path", ["export", "recover"])
async def test_without_a_recovery_key_nothing_leaves_and_nothing_comes_back(
    admin: AdminClient, path: str
) -> None:
    answer = await admin.post(f"/keyring/{path}")
    assert answer.status == 400
    assert "recovery_public_key_file" in answer.json()["message"]


async def test_a_ring_is_exported_and_imported_by_who_has_the_private_key(
    recoverable: AdminClient,
) -> None:
    raw = {"id": "AbCd1234", "data": KEY}
    await recoverable.post("/keyring/import/raw", raw)
    exported = (await recoverable.send("POST", "/keyring/export")).json()["data"]
    assert json.loads(base64.b64decode(exported)).keys() == {"k", "n", "d"}
    await recoverable.post("/keyring/remove", {"key": "AbCd1234"})

    _, foreign = recovery_pair(1)
    refused = await recoverable.post("/keyring/import", {"data": exported, "private_key": foreign})
    assert refused.status == 400
    form = {"data": exported, "private_key": PRIVATE}
    assert (await recoverable.send("POST", "/keyring/import", form=form)).status == 201
    assert "AbCd1234" in (await ring(recoverable))["ids"]
    # It is the very key: another under its id is refused, the same one changes nothing.
    assert (await recoverable.post("/keyring/import", form)).status == 201


async def test_an_import_never_puts_another_key_under_an_id(recoverable: AdminClient) -> None:
    await recoverable.post("/keyring/import/raw", {"id": "AbCd1234", "data": KEY})
    exported = (await recoverable.send("POST", "/keyring/export")).json()["data"]
    await recoverable.post("/keyring/remove", {"key": "AbCd1234"})
    other = base64.b64encode(bytes(32)).decode()
    await recoverable.post("/keyring/import/raw", {"id": "AbCd1234", "data": other})
    form = {"data": exported, "private_key": PRIVATE}
    assert (await recoverable.post("/keyring/import", form)).status == 400


async def test_a_machine_with_a_new_root_key_gets_its_ring_back(
    recoverable: AdminClient, stores: Stores
) -> None:
    credential = await make_key(recoverable)
    second = (await recoverable.send("POST", "/keyring/generate")).json()["id"]
    await recoverable.post("/keyring/activate", {"key": second})
    ids = (await ring(recoverable))["ids"]
    # Another machine: the same database, and a root key that has wrapped nothing in it.
    held = await _without_its_root_key(stores)
    async with served(stores, held) as machine:
        path = f"/key-auths-enc/{credential['id']}"
        assert (await machine.get(path)).status == 500
        assert (await machine.send("POST", "/keyring/generate")).status == 500
        parts = {"recovery_private_key": {"filename": "private.pem", "content": PRIVATE}}
        answer = await machine.send("POST", "/keyring/recover", multipart=parts)
        assert (answer.status, answer.json()) == (
            200,
            {
                "message": "successfully recovered 2 keys",
                "recovered": ids,
                "not_recovered": [],
            },
        )
        assert (await machine.get(path)).json()["key"] == credential["key"]
    await held_ring(stores, root_key=ANOTHER_ROOT_KEY)  # starts with it from now on


async def _without_its_root_key(stores: Stores) -> Held:
    # Put together by hand: a start would refuse this root key.
    stranger = sealer()
    custodian = Custodian(
        store=stores.keyring,
        root_key=ANOTHER_ROOT_KEY,
        sealer=stranger,
        recovery=RecoveryKey.from_pem(PUBLIC),
    )
    return hold(stores, custodian, stranger)


async def test_a_foreign_private_key_recovers_nothing_and_changes_nothing(
    recoverable: AdminClient,
) -> None:
    credential = await make_key(recoverable)
    _, foreign = recovery_pair(1)
    answer = await recoverable.post("/keyring/recover", {"recovery_private_key": foreign})
    assert answer.json()["recovered"] == []
    assert set(answer.json()["not_recovered"]) >= set((await ring(recoverable))["ids"])
    path = f"/key-auths-enc/{credential['id']}"
    assert (await recoverable.get(path)).json()["key"] == credential["key"]


async def test_without_a_keyring_there_are_no_such_paths(quick: AdminClient) -> None:
    assert (await quick.get("/keyring")).status == 404
    assert (await quick.post("/keyring/generate")).status == 404


async def test_a_rotation_begins_at_once_and_shows_how_far_it_is(stores: Stores) -> None:
    await empty_ring(stores)
    held = await held_ring(stores)
    async with served(stores, held) as admin:
        assert (await admin.get("/keyring/rotation")).json() == {"status": "none"}
        credential = await make_key(admin)
        before = await ring(admin)
        answer = await admin.send("POST", "/keyring/rotate")
        begun = answer.json()
        assert answer.status == 202
        assert (begun["status"], begun["total"], begun["done"]) == ("running", 1, 0)
        assert await ring(admin) | {"ids": 0} == {"ids": 0, "active": begun["target"]}
        assert (await admin.send("POST", "/keyring/rotate")).status == 409
        assert (await admin.post("/keyring/remove", {"key": before["active"]})).status == 409

        await held.rotator.work()
        over = (await admin.get("/keyring/rotation")).json()
        assert (over["status"], over["done"], over["failed"]) == ("done", 1, 0)
        assert over["finished_at"] >= over["started_at"]
        assert (await admin.post("/keyring/remove", {"key": before["active"]})).status == 204
        path = f"/key-auths-enc/{credential['id']}"
        assert (await admin.get(path)).json()["key"] == credential["key"]


async def test_a_vault_is_asked_again_where_there_is_one(stores: Stores) -> None:
    await empty_ring(stores)
    held = await held_ring(stores)
    told: list[RootKey | Exception] = [ROOT_KEY, ANOTHER_ROOT_KEY, StartupError("it is sealed")]

    async def ask() -> RootKey:
        answer = told.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    endpoints = KeyringEndpoints(held.custodian, held.rotator, vault=ask).endpoints()
    async with serving(stores, sealer=held.sealer, keyring=endpoints) as admin:
        statuses = [(await admin.post("/keyring/vault/sync")).status for _ in range(3)]
    assert statuses == [204, 409, 503]


async def test_a_copy_that_somebody_planted_takes_no_keys_place(
    recoverable: AdminClient, stores: Stores
) -> None:
    credential = await make_key(recoverable)
    recovery = RecoveryKey.from_pem(PUBLIC)
    keys = await stores.keyring.load()
    planted = [
        replace(key, recovery=recovery.seal_key(bytes(32), purpose=key.purpose, key_id=key.id))
        for key in keys
    ]
    await stores.keyring.rewrap(planted, announce=False)
    answer = await recoverable.post("/keyring/recover", {"recovery_private_key": PRIVATE})
    assert answer.json()["recovered"] == []
    assert set(answer.json()["not_recovered"]) == {key.id for key in keys}
    path = f"/key-auths-enc/{credential['id']}"
    assert (await recoverable.get(path)).json()["key"] == credential["key"]
