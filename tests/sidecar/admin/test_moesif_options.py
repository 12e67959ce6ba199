"""The moesif plugin's options over the API: validated, shown, and understood as a form."""

from typing import Any

import pytest

from analytics.config_fields import CONFIG_FIELDS
from tests.clients.admin_client import AdminClient

APP = {"application_id": "an-application-id"}
SKIP = [{"path": "^/healthz$"}, {"user_agent": "kube-probe", "status": "^2"}]
MEMBERS = {"path": None, "method": None, "status": None, "user_agent": None}


async def test_options_beyond_kongs_are_kept_as_they_were_sent(quick: AdminClient) -> None:
    config = {
        **APP,
        "skip": SKIP,
        "metadata": {"region": "eu", "nested": {"tier": 1}},
        "company_id_from": "tags:company:, custom_id",
        "max_send_rate": 100,
        "direction": "Internal",
    }
    answer = await quick.post("/plugins", {"name": "moesif", "config": config})
    assert answer.status == 201
    stored = answer.json()["config"]
    assert stored["skip"] == [MEMBERS | rule for rule in SKIP]
    for name in ("metadata", "company_id_from", "max_send_rate", "direction"):
        assert stored[name] == config[name]
    again = await quick.put(f"/plugins/{answer.json()['id']}", answer.json())
    assert again.status == 200
    assert again.json()["config"] == stored


async def test_rules_and_metadata_can_be_sent_as_a_form(quick: AdminClient) -> None:
    form = {
        "name": "moesif",
        "config.application_id": "an-application-id",
        "config.skip[1].path": "^/healthz$",
        "config.skip[2].method": "^OPTIONS$",
        "config.metadata.region": "eu",
        "config.sync_consumers": "true",
    }
    config = (await quick.send("POST", "/plugins", form=form)).json()["config"]
    assert config["skip"] == [MEMBERS | {"path": "^/healthz$"}, MEMBERS | {"method": "^OPTIONS$"}]
    assert config["metadata"] == {"region": "eu"}
    assert config["sync_consumers"] is True


_NOT_RE2 = "not a regular expression that RE2 can search for"
REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "an expression that is none": (
        {"skip": [SKIP[0], {"path": "("}]},
        {"skip": [None, {"path": _NOT_RE2}]},
    ),
    "an expression that could be slow": (
        {"skip": [{"path": r"(a)\1"}]},
        {"skip": [{"path": _NOT_RE2}]},
    ),
    "an unknown condition": (
        {"skip": [{"host": "a"}]},
        {"skip": [{"host": "unknown field"}]},
    ),
    "a number beyond its range": (
        {"connect_timeout": 60_001},
        {"connect_timeout": "value should be between 1 and 60000"},
    ),
    "metadata that are none": ({"metadata": "eu"}, {"metadata": "expected a map"}),
    "another direction": (
        {"direction": "In"},
        {"direction": "expected one of: Incoming, Outgoing, Internal"},
    ),
}


@pytest.mark.parametrize(("config", "fields"), REFUSED.values(), ids=REFUSED)
async def test_what_is_wrong_with_an_option_is_told_where_it_is(
    quick: AdminClient, config: dict[str, Any], fields: dict[str, Any]
) -> None:
    answer = await quick.post("/plugins", {"name": "moesif", "config": APP | config})
    assert answer.status == 400
    assert answer.json()["fields"] == {"config": fields}


async def test_the_schema_shows_every_option_with_its_range(quick: AdminClient) -> None:
    printed = (await quick.get("/schemas/plugins/moesif")).json()
    (record,) = [field["config"] for field in printed["fields"] if "config" in field]
    shown = {name: field for entry in record["fields"] for name, field in entry.items()}
    assert list(shown) == list(CONFIG_FIELDS)
    for name, field in CONFIG_FIELDS.items():
        assert shown[name]["type"] == field.kind.type
        assert shown[name].get("between") == (list(field.kind.between or ()) or None)
        assert shown[name].get("one_of") == (list(field.kind.one_of) or None)
        assert shown[name]["description"] == field.doc
    rule = shown["skip"]["elements"]["fields"]
    assert [name for entry in rule for name in entry] == list(MEMBERS)


async def test_openapi_describes_every_option(quick: AdminClient) -> None:
    document = (await quick.get("/openapi.json")).json()
    bodies = document["paths"]["/plugins"]["post"]["requestBody"]["content"]
    schema = str(bodies["application/json"]["schema"])
    assert all(name in schema or name in str(document["components"]) for name in CONFIG_FIELDS)
