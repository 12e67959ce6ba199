"""Tags over the API."""

from tests.clients.admin_client import AdminClient


async def tagged(admin: AdminClient) -> dict[str, str]:
    """Create one entity of each kind; return the ids by the kind."""
    ids = {}
    for kind, path, values in (
        ("consumers", "/consumers", {"username": "bob"}),
        ("keyauth_enc_credentials", "/consumers/bob/key-auth-enc", {"key": "k"}),
        ("acls", "/consumers/bob/acls", {"group": "g"}),
        ("services", "/services", {"name": "s", "host": "a.test"}),
        ("routes", "/routes", {"name": "r"}),
        ("plugins", "/plugins", {"name": "key-auth"}),
    ):
        created = await admin.post(path, {**values, "tags": ["b", "a"]})
        ids[kind] = created.json()["id"]
    return ids


async def test_every_kind_of_entity_is_listed_by_its_tags(admin: AdminClient) -> None:
    ids = await tagged(admin)
    rows = (await admin.get("/tags")).json()["data"]
    expected = sorted(
        (entity_id, kind, tag) for kind, entity_id in ids.items() for tag in ("a", "b")
    )
    assert [(row["entity_id"], row["entity_name"], row["tag"]) for row in rows] == expected


async def test_pages_end_within_an_entity_and_go_on_there(admin: AdminClient) -> None:
    await tagged(admin)
    everything = (await admin.get("/tags")).json()["data"]
    seen = []
    path = "/tags?size=5"
    while path:
        page = (await admin.get(path)).json()
        seen += page["data"]
        path = page["next"]
    assert seen == everything


async def test_one_tag_is_listed_alone(admin: AdminClient) -> None:
    ids = await tagged(admin)
    page = (await admin.get("/tags/a?size=4")).json()
    assert {row["tag"] for row in page["data"]} == {"a"}
    assert page["next"].startswith("/tags/a?offset=")
    rest = (await admin.get(page["next"])).json()
    assert len(page["data"]) + len(rest["data"]) == len(ids)
    assert "offset" not in rest


async def test_tags_come_and_go_with_their_entity(admin: AdminClient) -> None:
    await tagged(admin)
    await admin.delete("/consumers/bob")
    names = {row["entity_name"] for row in (await admin.get("/tags/a")).json()["data"]}
    assert names == {"services", "routes", "plugins"}


async def test_an_offset_of_another_list_is_refused(admin: AdminClient) -> None:
    await tagged(admin)
    await admin.post("/consumers", {"username": "eve"})
    offset = (await admin.get("/consumers?size=1")).json()["offset"]
    assert (await admin.get(f"/tags?offset={offset}")).json()["code"] == 7


async def test_tags_cannot_be_written(admin: AdminClient) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert (await admin.send(method, "/tags")).status == 405
        assert (await admin.send(method, "/tags/a")).status == 405
