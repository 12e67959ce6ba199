"""Credentials over the API, where no case of Kong's says it."""

import re

import pytest

from authsvc.memory import MemoryDatabase
from authsvc.prefixed_key import SCANNER_PATTERN
from authsvc.store import Stores
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import sealer, serving

LISTS = ["/key-auths-enc", "/key-auth-enc", "/key-auth-encs", "/key-auths"]


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.5

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def bob(admin: AdminClient) -> str:
    """The path of a consumer."""
    await admin.post("/consumers", {"username": "bob"})
    await admin.post("/consumers", {"username": "eve"})
    return "/consumers/bob"


async def test_the_key_is_kept_sealed(stores: Stores, admin: AdminClient, bob: str) -> None:
    created = (await admin.post(f"{bob}/key-auth-enc", {"key": "canary-key"})).json()
    stored = await stores.credentials.get(created["id"])
    assert stored is not None
    assert b"canary" not in stored.sealed_key + stored.digest
    assert sealer().reveal(stored).reveal() == b"canary-key"


@pytest.mark.parametrize("path", LISTS)
async def test_every_spelling_leads_to_the_same(admin: AdminClient, bob: str, path: str) -> None:
    created = (await admin.post(f"{bob}/key-auth", {"key": "k/1"})).json()
    assert (await admin.get(path)).json()["data"] == [created]
    assert (await admin.get(f"{path}/k%2F1")).json() == created
    assert (await admin.get(f"{path}/k%2F1/consumer")).json()["username"] == "bob"


@pytest.mark.parametrize("path", LISTS)
async def test_the_next_page_is_in_the_spelling_that_was_used(
    admin: AdminClient, bob: str, path: str
) -> None:
    for _ in range(2):
        await admin.post(f"{bob}/key-auth-enc")
    assert (await admin.get(f"{path}?size=1")).json()["next"].startswith(f"{path}?offset=")


async def test_an_empty_key_is_generated_where_it_means_null(admin: AdminClient, bob: str) -> None:
    null = await admin.post(f"{bob}/key-auth-enc", {"key": None})
    form = await admin.send("POST", f"{bob}/key-auth-enc", form={"key": ""})
    assert len(null.json()["key"]) == len(form.json()["key"]) == 32


async def test_a_put_without_a_key_makes_a_new_one(admin: AdminClient, bob: str) -> None:
    created = (await admin.post(f"{bob}/key-auth-enc", {"key": "k", "ttl": 60})).json()
    put = (await admin.put(f"{bob}/key-auth-enc/{created['id']}")).json()
    assert put["id"] == created["id"]
    assert len(put["key"]) == 32
    assert put["ttl"] is None


async def test_a_put_by_key_creates_that_key(admin: AdminClient, bob: str) -> None:
    put = (await admin.put(f"{bob}/key-auth-enc/k1", {"key": "ignored"})).json()
    assert put["key"] == "k1"
    assert (await admin.get("/key-auths-enc/k1")).json() == put


async def test_a_top_level_put_needs_to_know_whose_it_is(admin: AdminClient, bob: str) -> None:
    answer = await admin.put("/key-auths-enc/k1", {})
    assert answer.json()["fields"] == {"consumer": "required field missing"}
    answer = await admin.put("/key-auths-enc/k1", {"consumer": {"username": "bob"}})
    assert answer.status == 200


@pytest.mark.parametrize("by", ["id", "key"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_a_key_is_out_of_reach_under_another_consumer(
    admin: AdminClient, bob: str, method: str, by: str
) -> None:
    created = (await admin.post(f"{bob}/key-auth-enc", {"key": "k1"})).json()
    answer = await admin.send(method, f"/consumers/eve/key-auth-enc/{created[by]}")
    assert answer.status == 404
    assert answer.json() == {"message": "Not found"}
    assert (await admin.get(f"/key-auths-enc/{created['id']}")).json() == created


async def test_a_nested_patch_cannot_give_a_key_away(admin: AdminClient, bob: str) -> None:
    created = (await admin.post(f"{bob}/key-auth-enc", {"key": "k1"})).json()
    path = f"{bob}/key-auth-enc/k1"
    answer = await admin.patch(path, {"consumer": {"username": "eve"}})
    assert answer.json()["fields"] == {"consumer": "cannot be changed here"}
    answer = await admin.patch(path, {"consumer": created["consumer"]})
    assert answer.status == 200


async def test_a_top_level_patch_can_and_the_key_still_opens(admin: AdminClient, bob: str) -> None:
    eve = (await admin.get("/consumers/eve")).json()
    await admin.post(f"{bob}/key-auth-enc", {"key": "k1"})
    moved = await admin.patch("/key-auths-enc/k1", {"consumer": {"username": "eve"}})
    assert moved.json()["consumer"] == {"id": eve["id"]}
    assert (await admin.get("/consumers/eve/key-auth-enc/k1")).json()["key"] == "k1"


async def test_a_patch_seals_anew(stores: Stores, admin: AdminClient, bob: str) -> None:
    created = (await admin.post(f"{bob}/key-auth-enc", {"key": "k1"})).json()
    before = await stores.credentials.get(created["id"])
    await admin.patch("/key-auths-enc/k1", {"tags": ["a"]})
    after = await stores.credentials.get(created["id"])
    assert before is not None
    assert after is not None
    assert before.digest == after.digest
    assert before.sealed_key != after.sealed_key


async def test_what_is_stored_of_a_credential_cannot_be_sent(admin: AdminClient, bob: str) -> None:
    answer = await admin.post(f"{bob}/key-auth-enc", {"digest": "x", "sealed_key": "y"})
    assert answer.json()["fields"] == {"digest": "unknown field", "sealed_key": "unknown field"}


async def test_a_key_has_a_length_that_fits_into_a_request(admin: AdminClient, bob: str) -> None:
    assert (await admin.post(f"{bob}/key-auth-enc", {"key": "k" * 4096})).status == 201
    answer = await admin.post(f"{bob}/key-auth-enc", {"key": "k" * 4097})
    assert answer.json()["fields"] == {"key": "length must be at most 4096"}


async def test_the_longest_key_can_stand_in_a_path(admin: AdminClient, bob: str) -> None:
    created = (await admin.post(f"{bob}/key-auth-enc", {"key": "é" * 2048})).json()
    assert (await admin.get("/key-auths-enc/" + "%C3%A9" * 2048)).json() == created


async def test_an_unknown_consumer_by_id_is_a_dangling_reference(admin: AdminClient) -> None:
    nobody = "11111111-1111-4111-8111-111111111111"
    answer = await admin.post("/key-auths-enc", {"consumer": {"id": nobody}})
    assert answer.status == 400
    assert answer.json() == {
        "code": 4,
        "name": "foreign key violation",
        "message": (
            f"the foreign key '{{id=\"{nobody}\"}}' "
            "does not reference an existing 'consumers' entity."
        ),
        "fields": {"consumer": {"id": nobody}},
    }


async def test_a_bad_ttl_is_told_before_that_there_is_no_such_key(
    admin: AdminClient, bob: str
) -> None:
    answer = await admin.patch("/key-auths-enc/nope", {"ttl": "x"})
    assert answer.json()["code"] == 11


async def test_ttl_counts_down_and_ends_the_key() -> None:
    clock = Clock()
    async with serving(MemoryDatabase(clock=clock), clock=clock) as admin:
        await admin.post("/consumers", {"username": "bob"})
        created = (await admin.post("/consumers/bob/key-auth-enc", {"key": "k", "ttl": 10})).json()
        assert created["ttl"] == 10
        clock.now += 4
        assert (await admin.get("/key-auths-enc/k")).json()["ttl"] == 6
        clock.now += 7
        assert (await admin.get("/key-auths-enc/k")).status == 404
        assert (await admin.get("/key-auths-enc")).json()["data"] == []
        again = await admin.post("/consumers/bob/key-auth-enc", {"key": "k"})
        assert again.status == 201  # an expired key is in nobody's way


async def test_a_patch_leaves_the_expiry_alone_unless_it_says_otherwise() -> None:
    clock = Clock()
    async with serving(MemoryDatabase(clock=clock), clock=clock) as admin:
        await admin.post("/consumers", {"username": "bob"})
        await admin.post("/consumers/bob/key-auth-enc", {"key": "k", "ttl": 10})
        clock.now += 4
        assert (await admin.patch("/key-auths-enc/k", {"tags": ["a"]})).json()["ttl"] == 6
        assert (await admin.patch("/key-auths-enc/k", {"ttl": 100})).json()["ttl"] == 100
        assert (await admin.patch("/key-auths-enc/k", {"ttl": 0})).json()["ttl"] is None


async def test_a_ttl_counts_from_now_whatever_created_at_says() -> None:
    clock = Clock()
    async with serving(MemoryDatabase(clock=clock), clock=clock) as admin:
        await admin.post("/consumers", {"username": "bob"})
        values = {"key": "k", "ttl": 10, "created_at": 1_000_000_000}
        created = (await admin.post("/consumers/bob/key-auth-enc", values)).json()
        assert (created["created_at"], created["ttl"]) == (1_000_000_000, 10)


async def test_a_field_of_ours_is_shown_only_where_it_says_something(
    admin: AdminClient, bob: str
) -> None:
    plain = (await admin.post(f"{bob}/key-auth-enc", {"key": "k1"})).json()
    assert set(plain) == {"id", "created_at", "consumer", "key", "tags", "ttl"}
    ours = {"enabled": False, "name": "ci", "metadata": {"team": {"id": 7}}}
    used = (await admin.post(f"{bob}/key-auth-enc", {"key": "k2", **ours})).json()
    assert ours.items() <= used.items()
    assert (await admin.get(f"/key-auths-enc/{used['id']}")).json() == used


async def test_changing_one_field_of_ours_leaves_the_others(admin: AdminClient, bob: str) -> None:
    made = (await admin.post(f"{bob}/key-auth-enc", {"key": "k", "name": "ci"})).json()
    path = f"{bob}/key-auth-enc/{made['id']}"
    assert (await admin.patch(path, {"enabled": False})).json()["name"] == "ci"
    assert "enabled" not in (await admin.patch(path, {"enabled": True})).json()


@pytest.mark.parametrize(
    ("field", "value"),
    [("enabled", None), ("enabled", "no"), ("name", "a\n"), ("metadata", [1]), ("metadata", "x")],
)
async def test_fields_of_ours_are_checked_too(
    admin: AdminClient, bob: str, field: str, value: object
) -> None:
    answer = await admin.post(f"{bob}/key-auth-enc", {field: value})
    assert answer.status == 400
    assert set(answer.json()["fields"]) == {field}


async def test_a_prefixed_key_is_generated_where_the_request_asks(
    admin: AdminClient, bob: str
) -> None:
    asked = await admin.post(f"{bob}/key-auth-enc", {"key_format": "prefixed"})
    assert re.fullmatch(SCANNER_PATTERN, asked.json()["key"])
    chosen = await admin.post(f"{bob}/key-auth-enc", {"key_format": "prefixed", "key": "mine"})
    assert chosen.json()["key"] == "mine"
    other = await admin.post(f"{bob}/key-auth-enc", {"key_format": "hex"})
    assert other.json()["fields"] == {"key_format": "unknown field"}


async def test_a_prefixed_key_is_generated_where_the_global_plugin_says_so(
    admin: AdminClient, bob: str
) -> None:
    await admin.post("/plugins", {"name": "key-auth", "config": {"key_format": "prefixed"}})
    made = await admin.send("POST", f"{bob}/key-auth-enc", form={})
    assert re.fullmatch(SCANNER_PATTERN, made.json()["key"])
