"""What the Admin API says about itself."""

import os
import re
from uuid import UUID

import pytest

from authsvc.errors import StoreUnavailableError
from authsvc.memory import MemoryDatabase
from sidecar.admin import describe_node
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving


async def test_clients_learn_the_version_the_database_and_the_plugins(quick: AdminClient) -> None:
    await quick.post("/plugins", {"name": "key-auth"})
    root = (await quick.get("/")).json()
    assert root["version"].startswith("3.")
    assert root["configuration"]["database"] == "postgres"
    assert root["plugins"]["enabled_in_cluster"] == ["key-auth"]
    assert {"key-auth-enc", "key-auth", "acl", "moesif"} == set(
        root["plugins"]["available_on_server"]
    )
    assert UUID(root["node_id"])
    assert root["pids"]["workers"] == [os.getpid()]


async def test_a_node_says_what_it_was_told_to() -> None:
    node = describe_node({"database": "off"})
    async with serving(MemoryDatabase(), node=node) as client:
        root = (await client.get("/")).json()
    assert root["configuration"] == {"database": "off"}
    assert root["node_id"] == node.id


async def test_without_plugins_the_list_of_them_is_empty(quick: AdminClient) -> None:
    assert b'"enabled_in_cluster":[]' in (await quick.get("/")).body


async def test_the_status_counts_requests(quick: AdminClient) -> None:
    await quick.get("/consumers")
    status = (await quick.get("/status")).json()
    assert status["server"]["total_requests"] == 2
    assert status["server"]["connections_active"] == 1
    assert status["database"] == {"reachable": True}


async def test_the_status_is_told_also_while_the_database_is_away() -> None:
    stores = MemoryDatabase()

    async def fail() -> int:
        raise StoreUnavailableError

    stores.changes.head = fail  # type: ignore[method-assign]  # an outage
    async with serving(stores) as client:
        answer = await client.get("/status")
    assert answer.status == 200
    assert answer.json()["database"] == {"reachable": False}


MEMORY = {"": r"\d+\.\d\d MiB", "?unit=k": r"\d+\.\d\d KiB", "?unit=G&scale=3": r"\d+\.\d{3} GiB"}


@pytest.mark.parametrize(("query", "form"), MEMORY.items(), ids=MEMORY)
async def test_memory_is_told_in_the_unit_that_is_asked_for(
    quick: AdminClient, query: str, form: str
) -> None:
    memory = (await quick.get(f"/status{query}")).json()["memory"]["workers_lua_vms"][0]
    assert memory["pid"] == os.getpid()
    assert re.fullmatch(form, memory["http_allocated_gc"])


async def test_bytes_are_a_number(quick: AdminClient) -> None:
    memory = (await quick.get("/status?unit=b")).json()["memory"]["workers_lua_vms"][0]
    assert isinstance(memory["http_allocated_gc"], int)


async def test_there_is_no_other_unit(quick: AdminClient) -> None:
    answer = await quick.get("/status?unit=V")
    assert answer.status == 400
    assert answer.json() == {"message": "invalid unit 'V' (expected 'k/K', 'm/M', or 'g/G')"}
    assert (await quick.get("/status?scale=x")).status == 400


async def test_every_endpoint_is_listed(quick: AdminClient) -> None:
    paths = (await quick.get("/endpoints")).json()["data"]
    assert "/consumers/{consumers}/key-auth-enc/{keyauth_enc_credentials}" in paths
    assert "/routes/{routes}/plugins" in paths
    assert (
        paths.index("/consumers") < paths.index("/consumers/{consumers}") < paths.index("/routes")
    )
