from collections.abc import AsyncIterator

import pytest

from authsvc.memory import MemoryDatabase
from sidecar.admin_client import AdminClient, open_admin
from sidecar.demo.seed import seed
from sidecar.secret import Secret
from tests.fakes.admin_api import serving

APPLICATION = Secret("application")


@pytest.fixture
async def admin() -> AsyncIterator[AdminClient]:
    async with (
        serving(MemoryDatabase()) as api,
        open_admin(f"http://127.0.0.1:{api.port}") as client,
    ):
        yield client


async def seeded(admin: AdminClient, *, collector: str = "http://127.0.0.1:1") -> str:
    key = await seed(admin, echo_port=9000, collector=collector, application_id=APPLICATION)
    return key.reveal()


async def test_a_first_start_makes_one_consumer_with_one_key(admin: AdminClient) -> None:
    key = await seeded(admin)

    (consumer,) = await admin.rows("/consumers")
    (credential,) = await admin.rows("/consumers/demo/key-auth-enc")
    assert consumer["username"] == "demo"
    assert (credential["key"], credential["consumer"]) == (key, {"id": consumer["id"]})


async def test_a_second_start_finds_the_key_of_the_first(admin: AdminClient) -> None:
    first = await seeded(admin)
    await admin.send("POST", "/consumers/demo/key-auth-enc", {"key": "0 made by hand"})

    assert await seeded(admin) == first
    assert len(await admin.rows("/key-auths-enc")) == 2


async def test_a_key_that_was_deleted_is_made_anew(admin: AdminClient) -> None:
    first = await seeded(admin)
    (credential,) = await admin.rows("/key-auths-enc")
    await admin.send("DELETE", f"/key-auths-enc/{credential['id']}")

    assert await seeded(admin) != first


async def test_events_go_where_the_last_start_says_and_all_else_stays(admin: AdminClient) -> None:
    await seeded(admin, collector="http://127.0.0.1:1")
    (plugin,) = await admin.rows("/plugins")
    await admin.send("PATCH", f"/plugins/{plugin['id']}", {"config": {"batch_size": 7}})

    await seeded(admin, collector="http://127.0.0.1:2")

    (plugin,) = await admin.rows("/plugins")
    assert plugin["config"]["api_endpoint"] == "http://127.0.0.1:2"
    assert plugin["config"]["application_id"] == APPLICATION.reveal()
    assert plugin["config"]["batch_size"] == 7


async def test_plugins_put_on_the_route_stay(admin: AdminClient) -> None:
    await seeded(admin)
    plugin = {"name": "key-auth-enc", "config": {"key_in_query": False}}
    await admin.send("POST", "/routes/echo/plugins", plugin)

    await seeded(admin)

    assert len(await admin.rows("/routes/echo/plugins")) == 1
