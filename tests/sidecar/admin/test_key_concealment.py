"""Who sees stored keys again."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from authsvc.memory import MemoryDatabase
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving

KEY = "canary-key-of-twenty-characters-and-more"
SHORT = "nineteen-characters"
OWNER = "the-token-of-the-file"
LIST = "/consumers/bob/key-auth-enc"


@pytest.fixture
async def secretive() -> AsyncIterator[AdminClient]:
    """An API that does not show stored keys again."""
    async with serving(MemoryDatabase(), token=OWNER, reveal_keys=False) as client:
        await client.put("/consumers/bob", {})
        yield client


async def test_by_default_stored_keys_are_shown_as_kong_shows_them(quick: AdminClient) -> None:
    await quick.put("/consumers/bob", {})
    created = (await quick.post(LIST, {"key": KEY})).json()
    assert (await quick.get(LIST)).json()["data"] == [created]
    assert "key_hint" not in created


async def test_a_key_is_shown_where_it_is_created_and_not_again(secretive: AdminClient) -> None:
    created = (await secretive.post(LIST, {"key": KEY})).json()
    assert created["key"] == KEY
    single = f"/key-auths-enc/{created['id']}"
    listed = (await secretive.get(LIST)).json()["data"]
    everything = (await secretive.get("/key-auths-enc")).json()["data"]
    patched = (await secretive.patch(single, {"tags": ["a"]})).json()
    for seen in (*listed, *everything, (await secretive.get(single)).json(), patched):
        assert (seen["key"], seen["key_hint"]) == (None, "cana…")
        assert seen["id"] == created["id"]


async def test_a_key_that_was_generated_is_shown_too(secretive: AdminClient) -> None:
    put = (await secretive.put(f"{LIST}/8f8c0c2e-6d61-4a0b-9a53-0a8f4f6f7a10", {})).json()
    rotated = (await secretive.post(f"{LIST}/{put['id']}/rotate", {})).json()
    assert len(put["key"]) == len(rotated["key"]) == 32


async def test_a_short_key_has_no_hint(secretive: AdminClient) -> None:
    await secretive.post(LIST, {"key": SHORT})
    [seen] = (await secretive.get(LIST)).json()["data"]
    assert (seen["key"], seen["key_hint"]) == (None, None)


async def test_what_holds_no_key_looks_as_ever(secretive: AdminClient) -> None:
    seen: dict[str, Any] = (await secretive.get("/consumers/bob")).json()
    assert seen["username"] == "bob"
    assert not [name for name in seen if name.endswith("_hint")]


async def test_a_viewer_never_sees_a_key_and_an_operator_where_keys_are_shown() -> None:
    async with serving(MemoryDatabase(), token=OWNER, reveal_keys=True) as client:
        await client.put("/consumers/bob", {})
        created = (await client.post(LIST, {"key": KEY})).json()
        single = f"/key-auths-enc/{created['id']}"
        for role, shown in {"viewer": None, "operator": KEY, "admin": KEY}.items():
            token = (await client.post("/tokens", {"name": role, "role": role})).json()["token"]
            headers: dict[str, str | None] = {"Kong-Admin-Token": token, "Authorization": None}
            for path in (single, f"{LIST}/{created['id']}"):
                answer = await client.send("GET", path, headers=headers)
                assert answer.json()["key"] == shown
            for path in (LIST, "/key-auths-enc", "/key-auth-enc", "/key-auths"):
                answer = await client.send("GET", path, headers=headers)
                assert [row["key"] for row in answer.json()["data"]] == [shown]
                assert (KEY.encode() in answer.body) == (shown is not None)


PLUGIN_PATHS = ["/plugins", "/routes/r/plugins", "/services/s/plugins"]


@pytest.mark.parametrize("role", ["viewer", "operator"])
@pytest.mark.parametrize("path", PLUGIN_PATHS)
async def test_secrets_of_plugins_are_for_admins_alone(
    quick: AdminClient, path: str, role: str
) -> None:
    await quick.put("/services/s", {"url": "http://upstream"})
    await quick.put("/routes/r", {"paths": ["/"], "service": {"name": "s"}})
    config = {"application_id": "canary-application-id"}
    made = (await quick.post(path, {"name": "moesif", "config": config})).json()
    assert made["config"]["application_id"] == "canary-application-id"
    token = (await quick.post("/tokens", {"name": role, "role": role})).json()["token"]
    for place in (path, f"/plugins/{made['id']}", "/plugins"):
        answer = await quick.send("GET", place, headers={"Kong-Admin-Token": token})
        assert answer.status == 200
        assert "canary" not in str(answer.json())
        assert "moesif" in str(answer.json())
