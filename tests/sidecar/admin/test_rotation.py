"""A key gives way to a new one."""

import pytest

from authsvc.memory import MemoryDatabase
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving

ROTATE = ["/consumers/bob/key-auth-enc/old/rotate", "/key-auths-enc/old/rotate"]


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


async def make_old_key(admin: AdminClient, **fields: object) -> dict[str, object]:
    await admin.post("/consumers", {"username": "bob"})
    made: dict[str, object] = (
        await admin.post("/consumers/bob/key-auth-enc", {"key": "old", **fields})
    ).json()
    return made


@pytest.mark.parametrize("path", ROTATE)
async def test_the_old_key_goes_on_for_as_long_as_asked(path: str) -> None:
    clock = Clock()
    async with serving(MemoryDatabase(clock=clock), clock=clock) as admin:
        old = await make_old_key(admin, tags=["a"], name="ci")
        answer = await admin.post(path, {"overlap": 60})
        new = answer.json()

        assert answer.status == 201
        assert new["key"] != "old"
        assert new["id"] != old["id"]
        assert (new["consumer"], new["tags"], new["name"]) == (old["consumer"], ["a"], "ci")
        assert new["ttl"] is None
        clock.now += 59
        assert (await admin.get("/key-auths-enc/old")).json()["ttl"] == 1
        clock.now += 1
        assert (await admin.get("/key-auths-enc/old")).status == 404
        assert (await admin.get(f"/key-auths-enc/{new['id']}")).json() == new


async def test_without_an_overlap_the_old_key_ends_at_once(admin: AdminClient) -> None:
    await make_old_key(admin)
    assert (await admin.send("POST", ROTATE[0], form={})).status == 201
    assert (await admin.get("/key-auths-enc/old")).status == 404


async def test_no_key_lives_longer_by_rotation(admin: AdminClient) -> None:
    await make_old_key(admin, ttl=100)
    new = (await admin.post(ROTATE[0], {"overlap": 1000})).json()
    assert new["ttl"] <= 100
    assert (await admin.get("/key-auths-enc/old")).json()["ttl"] <= 100


@pytest.mark.parametrize("overlap", [-1, "soon", 1.5, None, 100_000_001])
async def test_an_impossible_overlap_changes_nothing(admin: AdminClient, overlap: object) -> None:
    old = await make_old_key(admin)
    assert (await admin.post(ROTATE[0], {"overlap": overlap})).status == 400
    assert (await admin.get("/key-auths-enc")).json()["data"] == [old]


async def test_what_rotation_does_not_know_is_refused(admin: AdminClient) -> None:
    await make_old_key(admin)
    assert (await admin.post(ROTATE[0], {"key": "mine"})).json()["fields"] == {
        "key": "unknown field"
    }


async def test_only_the_consumers_own_key_is_rotated(admin: AdminClient) -> None:
    await make_old_key(admin)
    await admin.post("/consumers", {"username": "eve"})
    assert (await admin.post("/consumers/eve/key-auth-enc/old/rotate", {})).status == 404


async def test_a_disabled_key_does_not_come_to_life_by_rotation(admin: AdminClient) -> None:
    await make_old_key(admin, enabled=False)
    new = (await admin.post(ROTATE[0], {})).json()
    assert new["enabled"] is False
