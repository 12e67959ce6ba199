"""Plugins over the API."""

from typing import Any

import pytest

from authsvc.policy import parse_acl, parse_key_auth
from authsvc.store import Stores
from sidecar.admin.plugin_configs import VARIANTS
from tests.clients.admin_client import AdminClient

KEY_AUTH_DEFAULTS = {
    "key_names": ["apikey"],
    "key_in_header": True,
    "key_in_query": True,
    "key_in_body": False,
    "hide_credentials": False,
    "anonymous": None,
    "run_on_preflight": True,
    "key_in_cookie": False,
    "key_in_bearer": False,
    "key_format": None,
    "edge_cache": None,
    "realm": None,
}


@pytest.fixture
async def route(admin: AdminClient) -> str:
    """The id of the route ``r`` of the service ``s``."""
    await admin.post("/services", {"name": "s", "host": "a.test"})
    created: str = (await admin.post("/services/s/routes", {"name": "r"})).json()["id"]
    return created


async def test_a_new_plugin_has_kongs_shape_and_defaults(admin: AdminClient) -> None:
    created = (await admin.post("/plugins", {"name": "key-auth-enc"})).json()
    for name in ("id", "created_at", "updated_at"):
        assert created.pop(name)
    assert created == {
        "name": "key-auth-enc",
        "instance_name": None,
        "route": None,
        "service": None,
        "consumer": None,
        "config": KEY_AUTH_DEFAULTS,
        "protocols": ["grpc", "grpcs", "http", "https"],
        "enabled": True,
        "tags": None,
    }


async def test_the_form_of_the_documentation_is_understood(admin: AdminClient, route: str) -> None:
    answer = await admin.send(
        "POST",
        "/routes/r/plugins",
        raw="name=key-auth-enc&config.key_names=apikey&config.key_in_query=false",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    created = answer.json()
    assert created["config"] == {**KEY_AUTH_DEFAULTS, "key_in_query": False}
    assert (created["route"], created["service"]) == ({"id": route}, None)


async def test_what_is_stored_is_what_the_decision_reads(
    stores: Stores, admin: AdminClient
) -> None:
    config = {"key_names": ["a", "b"], "hide_credentials": True, "anonymous": "guest"}
    created = (await admin.post("/plugins", {"name": "key-auth", "config": config})).json()
    stored = await stores.plugins.get(created["id"])
    assert stored is not None
    parsed = parse_key_auth(stored.config)
    assert (parsed.key_names, parsed.anonymous) == (("a", "b"), "guest")

    acl = (await admin.post("/plugins", {"name": "acl", "config": {"deny": ["x"]}})).json()
    stored = await stores.plugins.get(acl["id"])
    assert stored is not None
    assert parse_acl(stored.config).deny == {"x"}


async def test_a_patch_reaches_into_the_config(admin: AdminClient, route: str) -> None:
    await admin.post("/routes/r/plugins", {"name": "key-auth-enc", "instance_name": "i"})
    answer = await admin.send("PATCH", "/plugins/i", form={"config.key_in_body": "true"})
    assert answer.json()["config"] == {**KEY_AUTH_DEFAULTS, "key_in_body": True}
    answer = await admin.patch("/routes/r/plugins/i", {"config": {"key_names": ["k"]}})
    assert answer.json()["config"]["key_names"] == ["k"]
    assert answer.json()["config"]["key_in_body"] is True


EDGE_CACHES = {
    "config.edge_cache.ttl=5": {"enabled": True, "ttl": 5},
    "config.edge_cache.enabled=true": {"enabled": True, "ttl": 2},
    "config.edge_cache.enabled=false": {"enabled": False, "ttl": 2},
    "config.edge_cache=": None,
}


@pytest.mark.parametrize("form", EDGE_CACHES)
async def test_the_edge_cache_is_a_record_with_defaults(
    stores: Stores, admin: AdminClient, form: str
) -> None:
    raw = f"name=key-auth-enc&{form}"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    created = (await admin.send("POST", "/plugins", raw=raw, headers=headers)).json()
    assert created["config"]["edge_cache"] == EDGE_CACHES[form]

    path = f"/plugins/{created['id']}"
    changed = await admin.patch(path, {"config": {"edge_cache": {"enabled": True, "ttl": 60}}})
    assert changed.json()["config"]["edge_cache"] == {"enabled": True, "ttl": 60}
    stored = await stores.plugins.get(created["id"])
    assert stored is not None
    assert parse_key_auth(stored.config).edge_cache == 60

    wrong = await admin.patch(path, {"config": {"edge_cache": {"ttl": 61}}})
    assert wrong.status == 400
    problem = {"ttl": "value should be between 0 and 60"}
    assert wrong.json()["fields"] == {"config": {"edge_cache": problem}}
    off = await admin.patch(path, {"config": {"edge_cache": None}})
    assert off.json()["config"]["edge_cache"] is None


async def test_a_put_starts_from_the_defaults(admin: AdminClient) -> None:
    values = {"name": "key-auth-enc", "config": {"realm": "x"}, "enabled": False}
    created = (await admin.post("/plugins", values)).json()
    put = (await admin.put(f"/plugins/{created['id']}", {"name": "key-auth-enc"})).json()
    assert (put["config"], put["enabled"]) == (KEY_AUTH_DEFAULTS, True)


async def test_a_scope_takes_each_plugin_once(admin: AdminClient, route: str) -> None:
    for path in ("/plugins", "/routes/r/plugins", "/services/s/plugins"):
        assert (await admin.post(path, {"name": "key-auth-enc"})).status == 201
    answer = await admin.post("/routes/r/plugins", {"name": "key-auth-enc"})
    assert answer.status == 409
    fields = {"consumer": None, "name": "key-auth-enc", "route": {"id": route}, "service": None}
    assert answer.json()["fields"] == fields
    assert answer.json()["message"] == (
        "UNIQUE violation detected on "
        f'\'{{consumer=null,name="key-auth-enc",route={{id="{route}"}},service=null}}\''
    )


async def test_a_route_and_its_service_together_are_a_scope_of_their_own(
    admin: AdminClient, route: str
) -> None:
    await admin.post("/routes/r/plugins", {"name": "key-auth-enc"})
    both = {"name": "key-auth-enc", "route": {"name": "r"}, "service": {"name": "s"}}
    assert (await admin.post("/plugins", both)).status == 201
    assert (await admin.post("/plugins", both)).status == 409


async def test_both_names_of_key_authentication_are_one_plugin(
    admin: AdminClient, route: str
) -> None:
    await admin.post("/routes/r/plugins", {"name": "key-auth"})
    answer = await admin.post("/routes/r/plugins", {"name": "key-auth-enc"})
    assert answer.status == 409
    assert answer.json()["fields"]["name"] == "key-auth"
    other = (await admin.post("/plugins", {"name": "key-auth-enc"})).json()
    moved = await admin.patch(f"/plugins/{other['id']}", {"route": {"id": route}})
    assert moved.status == 409
    kept = await admin.patch(f"/plugins/{other['id']}", {"name": "key-auth"})
    assert kept.status == 200


async def test_an_instance_name_is_taken_once(admin: AdminClient) -> None:
    await admin.post("/plugins", {"name": "key-auth", "instance_name": "i"})
    values = {"name": "acl", "instance_name": "i", "config": {"allow": ["a"]}}
    answer = await admin.post("/plugins", values)
    assert answer.status == 409
    assert answer.json()["fields"] == {"instance_name": "i"}


async def test_plugins_go_with_their_route(admin: AdminClient, route: str) -> None:
    created = (await admin.post("/routes/r/plugins", {"name": "key-auth"})).json()
    assert (await admin.get(f"/plugins/{created['id']}/route")).json()["name"] == "r"
    await admin.delete("/routes/r")
    assert (await admin.get(f"/plugins/{created['id']}")).status == 404


async def test_a_plugin_is_out_of_reach_under_another_route(admin: AdminClient, route: str) -> None:
    await admin.post("/routes", {"name": "other"})
    created = (await admin.post("/routes/r/plugins", {"name": "key-auth"})).json()
    assert (await admin.get(f"/routes/other/plugins/{created['id']}")).status == 404
    assert (await admin.delete(f"/routes/other/plugins/{created['id']}")).status == 404
    assert (await admin.delete(f"/routes/r/plugins/{created['id']}")).status == 204


BAD_NAME = "bad header name 'a b', allowed characters are A-Z, a-z, 0-9, '_', and '-'"
EXACTLY = "exactly one of these fields must be non-empty: 'config.allow', 'config.deny'"
AT_LEAST = "at least one of these fields must be non-empty: 'config.allow', 'config.deny'"
MOESIF = {"application_id": "an-application-id"}

REFUSED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "bad key name": (
        "key-auth",
        {"key_names": ["x", "a b"]},
        {"config": {"key_names": [None, BAD_NAME]}},
    ),
    "empty key name": (
        "key-auth",
        {"key_names": [""]},
        {"config": {"key_names": ["length must be at least 1"]}},
    ),
    "key names as text": (
        "key-auth",
        {"key_names": "x"},
        {"config": {"key_names": "expected an array"}},
    ),
    "number as key name": (
        "key-auth",
        {"key_names": [1]},
        {"config": {"key_names": ["expected a string"]}},
    ),
    "text as boolean": (
        "key-auth-enc",
        {"key_in_body": "true"},
        {"config": {"key_in_body": "expected a boolean"}},
    ),
    "null": (
        "key-auth",
        {"key_in_body": None},
        {"config": {"key_in_body": "required field missing"}},
    ),
    "unknown field": ("key-auth", {"foo": 1}, {"config": {"foo": "unknown field"}}),
    "empty anonymous": (
        "key-auth",
        {"anonymous": ""},
        {"config": {"anonymous": "length must be at least 1"}},
    ),
    "realm that would break a header": (
        "key-auth",
        {"realm": "a\r\nb"},
        {"config": {"realm": "must not contain control characters"}},
    ),
    "acl with neither": ("acl", {}, {"@entity": [EXACTLY, AT_LEAST]}),
    "acl with both": ("acl", {"allow": ["a"], "deny": ["b"]}, {"@entity": [EXACTLY]}),
    "acl with a text": (
        "acl",
        {"allow": "a"},
        {"config": {"allow": "expected an array"}},
    ),
    "moesif without an id": (
        "moesif",
        {},
        {"config": {"application_id": "required field missing"}},
    ),
    "moesif, bad mask": (
        "moesif",
        {**MOESIF, "request_header_masks": ["a b"]},
        {"config": {"request_header_masks": [BAD_NAME]}},
    ),
    "moesif, unknown field": ("moesif", {**MOESIF, "foo": 1}, {"config": {"foo": "unknown field"}}),
    "moesif, text as number": (
        "moesif",
        {**MOESIF, "batch_size": "5"},
        {"config": {"batch_size": "expected a number"}},
    ),
}


@pytest.mark.parametrize(("name", "config", "fields"), REFUSED.values(), ids=REFUSED)
async def test_says_what_is_wrong_with_a_config(
    quick: AdminClient, name: str, config: dict[str, Any], fields: dict[str, Any]
) -> None:
    answer = await quick.post("/plugins", {"name": name, "config": config})
    assert answer.status == 400
    assert answer.json()["fields"] == fields


async def test_the_moesif_plugin_has_kongs_defaults(quick: AdminClient) -> None:
    answer = await quick.send(
        "POST",
        "/plugins",
        form={
            "name": "moesif",
            "config.application_id": "an-application-id",
            "config.batch_size": "25",
        },
    )
    config = answer.json()["config"]
    assert config["application_id"] == "an-application-id"
    assert config["batch_size"] == 25
    assert config["api_endpoint"] == "https://api.moesif.net"
    assert config["event_queue_size"] == 1_000_000
    assert config["request_header_masks"] == []
    assert config["user_id_header"] is None


async def test_a_plugin_is_for_no_consumer(quick: AdminClient) -> None:
    await quick.post("/consumers", {"username": "bob"})
    values = {"name": "key-auth", "consumer": {"username": "bob"}}
    answer = await quick.post("/plugins", values)
    assert answer.json()["fields"] == {"consumer": "value must be null"}
    assert (await quick.post("/plugins", {"name": "key-auth", "consumer": None})).status == 201


async def test_an_unknown_plugin_is_named(quick: AdminClient) -> None:
    answer = await quick.post("/plugins", {"name": "jwt"})
    message = "plugin 'jwt' not enabled; add it to the 'plugins' configuration property"
    assert answer.json()["fields"] == {"name": message}


def test_key_authentication_is_defined_as_the_decision_reads_it() -> None:
    config = VARIANTS["key-auth-enc"].fields["config"].kind.accept({})
    assert parse_key_auth(config) == parse_key_auth({})
