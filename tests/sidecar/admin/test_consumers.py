"""Consumers over the API, where no case of Kong's says it."""

import pytest

from tests.clients.admin_client import AdminClient

BOB = {"username": "bob"}


async def test_a_new_consumer_has_kongs_shape(admin: AdminClient) -> None:
    created = (await admin.post("/consumers", BOB)).json()
    assert set(created) == {"id", "created_at", "updated_at", "username", "custom_id", "tags"}
    assert (created["custom_id"], created["tags"]) == (None, None)


async def test_a_taken_id_is_no_conflict_but_a_bad_request(admin: AdminClient) -> None:
    bob = (await admin.post("/consumers", BOB)).json()
    answer = await admin.post("/consumers", {"username": "eve", "id": bob["id"]})
    assert answer.status == 400
    assert answer.json()["message"] == f"primary key violation on key '{{id=\"{bob['id']}\"}}'"
    assert answer.json()["fields"] == {"id": bob["id"]}


NAMES = ["a/b", "a b", "100%", "a+b", "名前", "a?b#c", "ü.~"]


@pytest.mark.parametrize("name", NAMES)
async def test_names_may_hold_what_means_something_in_a_url(admin: AdminClient, name: str) -> None:
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    assert (await admin.put(f"/consumers/{encoded}")).json()["username"] == name
    assert (await admin.get(f"/consumers/{encoded}/")).json()["username"] == name
    assert (await admin.get(f"/consumers/{encoded}/key-auth-enc")).status == 200


@pytest.mark.parametrize("field", ["username", "custom_id"])
@pytest.mark.parametrize("text", ["a\r\nx-admin: 1", "a\x00", "a\x7f", "a\x85"])
async def test_names_that_would_break_a_header_are_refused(
    admin: AdminClient, field: str, text: str
) -> None:
    answer = await admin.post("/consumers", {field: text})
    assert answer.status == 400
    assert answer.json()["fields"] == {field: "must not contain control characters"}


@pytest.mark.parametrize("field", ["username", "custom_id"])
async def test_names_have_a_length_that_can_be_indexed(admin: AdminClient, field: str) -> None:
    assert (await admin.post("/consumers", {field: "ü" * 512})).status == 201
    answer = await admin.post("/consumers", {field: "ü" * 513})
    assert answer.json()["fields"] == {field: "length must be at most 1024"}


async def test_a_put_replaces_everything(admin: AdminClient) -> None:
    bob = (await admin.post("/consumers", {**BOB, "custom_id": "7", "tags": ["a"]})).json()
    put = (await admin.put(f"/consumers/{bob['id']}", {"username": "rob"})).json()
    assert put["id"] == bob["id"]
    assert (put["username"], put["custom_id"], put["tags"]) == ("rob", None, None)


async def test_a_put_that_collides_with_another_says_so(admin: AdminClient) -> None:
    await admin.post("/consumers", {**BOB, "custom_id": "7"})
    answer = await admin.put("/consumers/eve", {"custom_id": "7"})
    assert answer.status == 409
    assert answer.json()["fields"] == {"custom_id": "7"}


async def test_a_patch_that_collides_with_another_says_so(admin: AdminClient) -> None:
    await admin.post("/consumers", BOB)
    await admin.post("/consumers", {"username": "eve"})
    answer = await admin.patch("/consumers/eve", BOB)
    assert answer.status == 409
    assert answer.json()["message"] == "UNIQUE violation detected on '{username=\"bob\"}'"


async def test_deleting_is_idempotent(admin: AdminClient) -> None:
    for path in ("/consumers/nobody", "/consumers/11111111-1111-4111-8111-111111111111"):
        answer = await admin.delete(path)
        assert (answer.status, answer.body) == (204, b"")


async def test_every_consumer_is_listed_once_across_pages(admin: AdminClient) -> None:
    created = {
        (await admin.post("/consumers", {"username": f"c{n}"})).json()["id"] for n in range(5)
    }
    seen: list[str] = []
    path = "/consumers?size=2"
    while path:
        page = (await admin.get(path)).json()
        seen += [consumer["id"] for consumer in page["data"]]
        path = page["next"]
    assert seen == sorted(created)


async def test_a_list_is_narrowed_by_tags(admin: AdminClient) -> None:
    await admin.post("/consumers", {"username": "a", "tags": ["x", "y"]})
    await admin.post("/consumers", {"username": "b", "tags": ["y"]})
    await admin.post("/consumers", {"username": "c"})

    async def names(query: str) -> list[str]:
        found = (await admin.get(f"/consumers?{query}")).json()["data"]
        return sorted(consumer["username"] for consumer in found)

    assert await names("tags=y") == ["a", "b"]
    assert await names("tags=x,y") == ["a"]
    assert await names("tags=x/y") == ["a", "b"]
    assert await names("tags=z") == []


@pytest.mark.parametrize("query", ["custom_id", "custom_id=", "custom_id=%FF"])
async def test_a_custom_id_to_look_for_must_be_one(admin: AdminClient, query: str) -> None:
    answer = await admin.get(f"/consumers?{query}")
    assert answer.status == 400
    assert answer.json() == {"message": "custom_id must be an unempty string"}
