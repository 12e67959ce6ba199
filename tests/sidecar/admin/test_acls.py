"""ACL entries over the API, where no case of Kong's says it."""

import pytest

from tests.clients.admin_client import AdminClient

SOMEBODY = "11111111-1111-4111-8111-111111111111"


@pytest.fixture
async def bob(admin: AdminClient) -> str:
    """A consumer's id."""
    await admin.post("/consumers", {"username": "eve"})
    created: str = (await admin.post("/consumers", {"username": "bob"})).json()["id"]
    return created


async def test_a_consumer_is_in_a_group_once(admin: AdminClient, bob: str) -> None:
    await admin.post("/consumers/bob/acls", {"group": "pro"})
    answer = await admin.post("/consumers/bob/acls", {"group": "pro"})
    assert answer.status == 409
    assert answer.json()["message"] == (
        f'UNIQUE violation detected on \'{{consumer={{id="{bob}"}},group="pro"}}\''
    )
    assert answer.json()["fields"] == {"consumer": {"id": bob}, "group": "pro"}


async def test_a_put_by_group_is_idempotent(admin: AdminClient, bob: str) -> None:
    first = (await admin.put("/consumers/bob/acls/pro")).json()
    second = (await admin.put("/consumers/bob/acls/pro", {"tags": ["a"]})).json()
    assert first["group"] == second["group"] == "pro"
    assert first["id"] == second["id"]
    assert second["tags"] == ["a"]


async def test_a_put_by_group_renames_if_the_body_says_so(admin: AdminClient, bob: str) -> None:
    first = (await admin.put("/consumers/bob/acls/pro")).json()
    renamed = (await admin.put("/consumers/bob/acls/pro", {"group": "basic"})).json()
    assert (renamed["id"], renamed["group"]) == (first["id"], "basic")


async def test_a_put_by_id_needs_the_group(admin: AdminClient, bob: str) -> None:
    answer = await admin.put(f"/consumers/bob/acls/{SOMEBODY}")
    assert answer.json()["fields"] == {"group": "required field missing"}
    created = await admin.put(f"/consumers/bob/acls/{SOMEBODY}", {"group": "pro"})
    assert created.json()["id"] == SOMEBODY


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
async def test_a_group_is_no_name_at_the_top(admin: AdminClient, bob: str, method: str) -> None:
    answer = await admin.send(method, "/acls/pro")
    assert answer.status == 400
    assert answer.json() == {
        "code": 1,
        "name": "invalid primary key",
        "message": "invalid primary key: '{id=\"expected a valid UUID\"}'",
        "fields": {"id": "expected a valid UUID"},
    }


async def test_a_missing_entry_to_change_is_told_in_full_at_the_top(admin: AdminClient) -> None:
    answer = await admin.patch(f"/acls/{SOMEBODY}", {"group": "x"})
    assert answer.status == 404
    assert answer.json()["code"] == 6


@pytest.mark.parametrize("group", ["a\nb", "\x00"])
async def test_groups_that_would_break_a_header_are_refused(
    admin: AdminClient, bob: str, group: str
) -> None:
    answer = await admin.post("/consumers/bob/acls", {"group": group})
    assert answer.json()["fields"] == {"group": "must not contain control characters"}


async def test_ttl_is_no_field_of_an_entry(admin: AdminClient, bob: str) -> None:
    answer = await admin.post("/consumers/bob/acls", {"group": "a", "ttl": 5})
    assert answer.json()["fields"] == {"ttl": "unknown field"}


async def test_the_consumer_of_an_entry_can_be_read_changed_and_replaced(
    admin: AdminClient, bob: str
) -> None:
    entry = (await admin.post("/consumers/bob/acls", {"group": "pro"})).json()
    path = f"/acls/{entry['id']}/consumer"
    assert (await admin.get(path)).json()["username"] == "bob"
    assert (await admin.patch(path, {"custom_id": "7"})).json()["custom_id"] == "7"
    replaced = (await admin.put(path, {"username": "rob"})).json()
    assert (replaced["id"], replaced["custom_id"]) == (bob, None)
    assert (await admin.delete(path)).status == 405
