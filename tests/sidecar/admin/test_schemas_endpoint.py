"""``/schemas``."""

from typing import Any

import pytest

from authsvc.memory import MemoryDatabase
from sidecar.admin.catalogue import make_resources
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import sealer

ENTITIES = ["consumers", "keyauth_enc_credentials", "acls", "services", "routes", "plugins"]
PLUGINS = ["key-auth-enc", "key-auth", "acl", "moesif"]


def fields(printed: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: known for field in printed["fields"] for name, known in field.items()}


def test_every_entity_is_asked_for() -> None:
    assert set(ENTITIES) == set(make_resources(MemoryDatabase(), sealer(), clock=lambda: 0))


@pytest.mark.parametrize("entity", ENTITIES)
async def test_every_entity_is_shown_field_by_field(quick: AdminClient, entity: str) -> None:
    answer = await quick.get(f"/schemas/{entity}")
    assert answer.status == 200
    found = fields(answer.json())
    assert next(iter(found)) == "id"
    assert found["id"]["uuid"]
    assert all({"type", "description"} <= known.keys() for known in found.values())


@pytest.mark.parametrize("plugin", PLUGINS)
async def test_every_plugin_is_shown_with_its_configuration(
    quick: AdminClient, plugin: str
) -> None:
    found = fields((await quick.get(f"/schemas/plugins/{plugin}")).json())
    assert set(found) == {"consumer", "protocols", "config"}
    assert found["config"]["type"] == "record"
    assert fields(found["config"])


async def test_a_client_reads_defaults_types_and_rules(quick: AdminClient) -> None:
    consumer = (await quick.get("/schemas/consumers")).json()
    assert consumer["entity_checks"] == [{"at_least_one_of": ["custom_id", "username"]}]
    assert fields(consumer)["username"]["unique"]
    assert fields(consumer)["tags"]["type"] == "set"
    config = fields(fields((await quick.get("/schemas/plugins/key-auth-enc")).json())["config"])
    assert config["key_names"]["default"] == ["apikey"]
    assert config["key_names"]["elements"] == {"type": "string"}
    key = fields((await quick.get("/schemas/keyauth_enc_credentials")).json())
    assert key["key"]["auto"]
    assert key["key"]["encrypted"]
    assert key["consumer"]["reference"] == "consumers"
    assert "ttl" in key
    acl = (await quick.get("/schemas/plugins/acl")).json()
    assert {"only_one_of": ["config.allow", "config.deny"]} in acl["entity_checks"]
    service = (await quick.get("/schemas/services")).json()
    assert service["entity_checks"][0]["conditional"]["if_field"] == "protocol"
    assert fields(service)["port"]["between"] == [0, 65535]


async def test_plain_key_auths_entity_is_the_same(quick: AdminClient) -> None:
    plain = await quick.get("/schemas/keyauth_credentials")
    assert plain.json() == (await quick.get("/schemas/keyauth_enc_credentials")).json()


MISSING = {
    "/schemas/nothing": "No entity named 'nothing'",
    "/schemas/plugins/nothing": "No plugin named 'nothing'",
    "/schemas/%FF": "No entity named '\N{REPLACEMENT CHARACTER}'",
}


@pytest.mark.parametrize(("path", "message"), MISSING.items())
async def test_what_has_no_schema_is_not_found(quick: AdminClient, path: str, message: str) -> None:
    answer = await quick.get(path)
    assert (answer.status, answer.json()) == (404, {"message": message})
    assert (await quick.post("/schemas/nothing/validate", {})).status == 404


VALID: dict[str, tuple[str, dict[str, Any]]] = {
    "consumer": ("consumers", {"username": "x"}),
    "key": (
        "keyauth_enc_credentials",
        {"consumer": {"id": "4b1b701d-de2b-5588-9aa2-3b97061d9f52"}, "ttl": 5},
    ),
    "plugin": ("plugins", {"name": "acl", "config": {"allow": ["a"]}}),
    "route": ("routes", {"name": "r"}),
    "service": ("services", {"url": "http://h:1/p"}),
}


@pytest.mark.parametrize(("entity", "body"), VALID.values(), ids=VALID)
async def test_valid_entities_are_told_so_and_not_stored(
    quick: AdminClient, entity: str, body: dict[str, Any]
) -> None:
    answer = await quick.post(f"/schemas/{entity}/validate", body)
    assert (answer.status, answer.json()) == (200, {"message": "schema validation successful"})
    assert (await quick.get("/tags")).status == 200
    assert (await quick.get("/consumers")).json()["data"] == []


INVALID: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "nothing": (
        "consumers",
        {},
        {"@entity": ["at least one of these fields must be non-empty: 'custom_id', 'username'"]},
    ),
    "wrong type": ("consumers", {"username": 1}, {"username": "expected a string"}),
    "config": (
        "plugins",
        {"name": "key-auth", "config": {"key_names": "x"}},
        {"config": {"key_names": "expected an array"}},
    ),
    "unnamed plugin": ("plugins", {}, {"name": "required field missing"}),
}


@pytest.mark.parametrize(("entity", "body", "why"), INVALID.values(), ids=INVALID)
async def test_invalid_ones_are_told_why(
    quick: AdminClient, entity: str, body: dict[str, Any], why: dict[str, Any]
) -> None:
    answer = await quick.post(f"/schemas/{entity}/validate", body)
    assert (answer.status, answer.json()["code"]) == (400, 2)
    assert why.items() <= answer.json()["fields"].items()


async def test_a_bad_ttl_is_told_as_when_creating(quick: AdminClient) -> None:
    answer = await quick.post("/schemas/keyauth_enc_credentials/validate", {"ttl": -1})
    assert answer.json()["code"] == 11


async def test_the_query_counts_where_there_is_no_body(quick: AdminClient) -> None:
    path = "/schemas/consumers/validate"
    assert (await quick.send("POST", f"{path}?username=x")).status == 200
    assert (await quick.send("POST", path, form={"username": "x"})).status == 200
    assert (await quick.send("POST", path)).status == 400


async def test_there_are_no_timers(quick: AdminClient) -> None:
    assert (await quick.get("/timers")).json()["stats"]["timers"] == {}
