"""``/config`` takes a file in every form that Kong takes, and shows it again."""

import json
from typing import Any

import pytest
import yaml

from sidecar.admin.roles import ADMINS_ONLY
from sidecar.declarative.config_endpoint import ConfigurationEndpoint
from sidecar.declarative.editions import CannotPublishError, Edition
from tests.clients.admin_client import AdminClient
from tests.fakes.declarations import Published, a_consumer, declared, file_of
from tests.fakes.declared_api import serving_declared

YAML = '_format_version: "3.0"\nconsumers:\n- username: a\n  keyauth_credentials:\n  - key: k\n'
FORMS: dict[str, dict[str, Any]] = {
    "JSON": {"json": {"_format_version": "3.0", "consumers": [a_consumer("a", "k")]}},
    "YAML in JSON": {"json": {"config": YAML}},
    "JSON in JSON": {"json": {"config": file_of(consumers=[a_consumer("a", "k")])}},
    "a form": {"form": {"config": YAML}},
    "a file in a form": {"multipart": {"config": {"filename": "kong.yml", "content": YAML}}},
    "YAML": {"raw": YAML, "headers": {"Content-Type": "application/yaml"}},
    "YAML by its other name": {"raw": YAML, "headers": {"Content-Type": "text/yaml"}},
    "JSON that calls itself YAML": {
        "raw": file_of(consumers=[a_consumer("a", "k")]),
        "headers": {"Content-Type": "application/yaml; charset=utf-8"},
    },
}


async def names(client: AdminClient) -> list[str]:
    return [each["username"] for each in (await client.get("/consumers")).json()["data"]]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
async def test_a_configuration_may_come_in_any_form(form: dict[str, Any]) -> None:
    async with serving_declared() as client:
        answer = await client.send("POST", "/config", **form)
        assert answer.status == 201, answer.body
        ((shown,),) = [answer.json()["consumers"].values()]
        assert shown["username"] == "a"
        ((key,),) = [answer.json()["keyauth_credentials"].values()]
        assert (key["key"], key["consumer"]) == ("k", {"id": shown["id"]})
        assert await names(client) == ["a"]


EMPTY = Published(declared())
ENDPOINT = ConfigurationEndpoint(
    edition=lambda: Edition(1, declared()), publish=EMPTY.publish
).endpoint()


NOTHING: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an empty object": {"json": {}},
    "an empty form": {"form": {}},
    "a form of something else": {"form": {"_format_version": "3.0"}},
    "only options": {"json": {"check_hash": True}},
}


@pytest.mark.parametrize("form", NOTHING.values(), ids=NOTHING)
async def test_nothing_is_refused(form: dict[str, Any]) -> None:
    async with serving_declared() as client:
        answer = await client.send("POST", "/config", **form)
        assert (answer.status, answer.json()) == (
            400,
            {"message": "expected a declarative configuration"},
        )


async def test_a_type_that_is_none_of_these_is_refused_and_elsewhere_yaml_is_too() -> None:
    async with serving_declared() as client:
        for path, kind in (("/config", "text/plain"), ("/consumers", "application/yaml")):
            answer = await client.send("POST", path, raw=YAML, headers={"Content-Type": kind})
            assert answer.status == 415


async def test_a_bad_configuration_changes_nothing() -> None:
    async with serving_declared(Published(declared(consumers=[a_consumer("a", "k")]))) as client:
        digest = (await client.get("/status")).json()["configuration_hash"]
        for bad in (YAML.replace("3.0", "9"), YAML + "- {}\n", "nonsense", YAML + "?"):
            assert (await client.post("/config", {"config": bad})).status == 400
        assert await names(client) == ["a"]
        assert (await client.get("/status")).json()["configuration_hash"] == digest


async def test_a_text_that_cannot_be_read_is_told_as_kong_does_without_a_word_of_it() -> None:
    async with serving_declared() as client:
        answer = await client.post("/config", {"config": "canary: ["})
        body = answer.json()
        assert (body["code"], answer.status) == (14, 400)
        assert body["fields"]["error"].startswith("failed parsing declarative configuration: ")
        assert "canary" not in answer.body.decode()


async def test_errors_of_a_flag_in_the_body_are_flattened_too() -> None:
    async with serving_declared() as client:
        bad = {"_format_version": "3.0", "consumers": [{}], "flatten_errors": True}
        assert "flattened_errors" in (await client.post("/config", bad)).json()
        assert (
            "flattened_errors"
            not in (await client.post("/config?flatten_errors=0", {"config": "x"})).json()
        )


async def test_the_same_text_is_loaded_again_unless_its_hash_is_to_be_checked() -> None:
    async with serving_declared() as client:
        assert (await client.post("/config", {"config": YAML})).status == 201
        assert (await client.post("/config", {"config": YAML})).status == 201
        answer = await client.post("/config?check_hash=1", {"config": YAML})
        assert (answer.status, answer.body) == (304, b"")
        assert (await client.post("/config?check_hash=1", {"config": YAML + "\n"})).status == 201


async def test_what_is_shown_declares_the_same() -> None:
    file = {
        "consumers": [a_consumer("a", "k", ttl=1000, tags=["t"], metadata={"n": 1})],
        "acls": [{"consumer": "a", "group": "g"}],
        "services": [{"name": "s", "host": "h"}],
        "routes": [{"name": "r", "service": "s", "paths": ["/x"]}],
        "plugins": [{"name": "key-auth", "route": "r"}],
    }
    async with serving_declared(Published(declared(**file))) as client:
        shown = (await client.get("/config")).json()["config"]
        told = yaml.safe_load(shown)
        assert (told["_format_version"], told["_transform"]) == ("3.0", False)
        assert told["acls"][0]["consumer"] == told["consumers"][0]["id"]
        assert told["consumers"][0]["custom_id"] is None
        before = {path: await rows(client, path) for path in ("/acls", "/routes", "/plugins")}
        assert (await client.post("/config", {"config": shown})).status == 201
        assert {path: await rows(client, path) for path in before} == before
        (key,) = await rows(client, "/key-auths")
        assert (key["key"], key["metadata"]) == ("k", {"n": 1})
        assert 900 < key["ttl"] <= 1000


async def rows(client: AdminClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(path)).json()["data"]
    return [{**row, "updated_at": None} for row in found]


async def test_keys_are_not_shown_again_where_they_are_not_to_be() -> None:
    published = Published(declared(consumers=[a_consumer("a", "canary")]))
    async with serving_declared(published, reveal=False) as client:
        shown = (await client.get("/config")).json()["config"]
        assert "canary" not in shown
        assert yaml.safe_load(shown)["keyauth_credentials"][0]["key"] is None


async def test_only_admins_may_see_or_load_a_configuration() -> None:
    async with serving_declared(token="t" * 20) as client:
        assert (await client.get("/config")).status == 200
        del client.headers["Authorization"]
        assert (await client.get("/config")).status == 401
        assert (await client.post("/config", {"config": YAML})).status == 401
    assert ENDPOINT.access == ADMINS_ONLY


async def test_a_process_that_nobody_hears_says_what_to_do_instead() -> None:
    class Alone(Published):
        async def publish(self, declaration: object) -> bool:
            raise CannotPublishError("change the file")

    async with serving_declared(Alone(declared())) as client:
        answer = await client.post("/config", {"config": YAML})
        assert answer.status == 405
        assert answer.json()["code"] == 12
        assert "change the file" in answer.json()["message"]


async def test_who_waits_for_the_workers_is_told_if_they_are_late() -> None:
    class Late(Published):
        async def publish(self, declaration: object) -> bool:
            return False

    async with serving_declared(Late(declared())) as client:
        assert (await client.post("/config", {"config": YAML})).status == 201
        answer = await client.post("/config?wait=applied", {"config": YAML})
        assert answer.status == 504


async def test_a_load_is_in_the_audit_log_and_so_is_one_that_failed() -> None:
    async with serving_declared() as client:
        await client.post("/config", {"config": YAML})
        await client.post("/config", {"config": "x"})
        log = (await client.get("/audit")).json()["data"]
        assert [(each["method"], each["route"], each["refused"]) for each in log] == [
            ("POST", "/config", None),
            ("POST", "/config", 400),
        ]
        assert (await client.get("/audit/verify")).json()["intact"] is True
        assert "k" not in json.dumps([each["entities"] for each in log])
