"""Routes over the API."""

from typing import Any

import pytest

from tests.clients.admin_client import AdminClient


async def test_a_route_needs_no_more_than_a_name(admin: AdminClient) -> None:
    created = (await admin.post("/routes", {"name": "r"})).json()
    for name in ("id", "created_at", "updated_at"):
        assert created.pop(name)
    assert created == {
        "name": "r",
        "protocols": ["http", "https"],
        "methods": None,
        "hosts": None,
        "paths": None,
        "headers": None,
        "https_redirect_status_code": 426,
        "regex_priority": 0,
        "strip_path": True,
        "path_handling": "v0",
        "preserve_host": False,
        "request_buffering": True,
        "response_buffering": True,
        "snis": None,
        "sources": None,
        "destinations": None,
        "tags": None,
        "service": None,
    }


async def test_a_full_route_comes_back_as_it_was_sent(admin: AdminClient) -> None:
    sent = {
        "name": "full",
        "methods": ["GET", "POST"],
        "hosts": ["a.test", "*.b.test"],
        "paths": ["/v1", r"~/users/\d+$"],
        "headers": {"x-version": ["1", "2"]},
        "regex_priority": -3,
        "strip_path": False,
        "preserve_host": True,
        "tags": ["t"],
    }
    await admin.post("/routes", sent)
    shown = (await admin.get("/routes/full")).json()
    assert {name: shown[name] for name in sent} == sent


async def test_a_form_spells_lists_and_maps(quick: AdminClient) -> None:
    body = "name=f&paths[]=/a&paths[]=/b&methods=GET&headers.x-v=1&strip_path=false"
    answer = await quick.send(
        "POST", "/routes", raw=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    created = answer.json()
    assert (created["paths"], created["methods"]) == (["/a", "/b"], ["GET"])
    assert (created["headers"], created["strip_path"]) == ({"x-v": ["1"]}, False)


async def test_grpc_routes_strip_nothing(quick: AdminClient) -> None:
    created = (await quick.post("/routes", {"name": "g", "protocols": ["grpc"]})).json()
    assert created["strip_path"] is False


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no protocol": ({"protocols": []}, {"protocols": "length must be at least 1"}),
    "unknown protocol": (
        {"protocols": ["tcp"]},
        {"protocols": ["expected one of: grpc, grpcs, http, https"]},
    ),
    "two families": (
        {"protocols": ["grpc", "http"]},
        {"protocols": "these sets are mutually exclusive: ('http', 'https'), ('grpc', 'grpcs')"},
    ),
    "grpc with methods": (
        {"protocols": ["grpc"], "methods": ["GET"], "strip_path": True},
        {
            "methods": "cannot set 'methods' when 'protocols' is 'grpc' or 'grpcs'",
            "strip_path": "cannot set 'strip_path' when 'protocols' is 'grpc' or 'grpcs'",
        },
    ),
    "lower-case method": ({"methods": ["GET", "get"]}, {"methods": [None, "invalid value: get"]}),
    "relative path": (
        {"paths": ["x"]},
        {"paths": ["should start with: / (fixed path) or ~/ (regex path)"]},
    ),
    "host header": (
        {"headers": {"Host": ["a"]}},
        {
            "headers": {
                "Host": "cannot contain 'host' header, which must be specified in the "
                "'hosts' attribute"
            }
        },
    ),
    "redirect": (
        {"https_redirect_status_code": 301},
        {"https_redirect_status_code": "value must be 426"},
    ),
    "snis": ({"snis": ["a.test"]}, {"snis": "value must be null"}),
}


@pytest.mark.parametrize(("values", "fields"), REFUSED.values(), ids=REFUSED)
async def test_says_what_is_wrong(
    quick: AdminClient, values: dict[str, Any], fields: dict[str, Any]
) -> None:
    answer = await quick.post("/routes", {"name": "r", **values})
    assert answer.status == 400
    assert answer.json()["fields"] == fields


async def test_a_route_may_belong_to_a_service_by_name(admin: AdminClient) -> None:
    service = (await admin.post("/services", {"name": "s", "host": "a.test"})).json()
    route = (await admin.post("/routes", {"name": "r", "service": {"name": "s"}})).json()
    assert route["service"] == {"id": service["id"]}
    assert (await admin.get("/services/s/routes/r")).json() == route
    assert (await admin.get("/services/s/routes")).json()["data"] == [route]
    assert (await admin.get("/routes/r/service")).json() == service


async def test_the_service_of_a_route_without_one_can_be_put_there(admin: AdminClient) -> None:
    await admin.post("/routes", {"name": "r"})
    for method in ("GET", "PATCH", "DELETE"):
        assert (await admin.send(method, "/routes/r/service")).status == 404
    created = (await admin.put("/routes/r/service", {"name": "s", "host": "a.test"})).json()
    assert (await admin.get("/routes/r")).json()["service"] == {"id": created["id"]}
    again = (await admin.put("/routes/r/service", {"name": "t", "host": "b.test"})).json()
    assert again["id"] == created["id"]
