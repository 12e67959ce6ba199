"""Services over the API."""

import pytest

from tests.clients.admin_client import AdminClient

EXAMPLE = {"name": "example", "host": "example.test"}


async def test_a_new_service_has_kongs_shape_and_defaults(admin: AdminClient) -> None:
    created = (await admin.post("/services", EXAMPLE)).json()
    automatic = {name: created.pop(name) for name in ("id", "created_at", "updated_at")}
    assert created == {
        "name": "example",
        "host": "example.test",
        "protocol": "http",
        "port": 80,
        "path": None,
        "retries": 5,
        "connect_timeout": 60000,
        "write_timeout": 60000,
        "read_timeout": 60000,
        "tags": None,
        "client_certificate": None,
        "tls_verify": None,
        "tls_verify_depth": None,
        "ca_certificates": None,
        "enabled": True,
    }
    assert all(automatic.values())


URLS = {
    "http://a.test": ("http", "a.test", 80, None),
    "https://a.test/v1": ("https", "a.test", 443, "/v1"),
    "http://a.test:8080/": ("http", "a.test", 8080, "/"),
    "grpc://a.test:9000": ("grpc", "a.test", 9000, None),
}


@pytest.mark.parametrize(("url", "parts"), URLS.items(), ids=URLS)
async def test_an_url_stands_for_its_parts(
    quick: AdminClient, url: str, parts: tuple[object, ...]
) -> None:
    created = (await quick.send("POST", "/services", form={"name": "x", "url": url})).json()
    assert tuple(created[name] for name in ("protocol", "host", "port", "path")) == parts
    patched = await quick.patch("/services/x", {"url": "http://b.test"})
    assert (patched.json()["host"], patched.json()["path"]) == ("b.test", None)


REFUSED = {
    "no host": ({}, {"host": "required field missing"}),
    "host with a port": ({"host": "a:80"}, {"host": "must not have a port"}),
    "bad protocol": (
        {**EXAMPLE, "protocol": "ftp"},
        {"protocol": "expected one of: grpc, grpcs, http, https"},
    ),
    "bad port": ({**EXAMPLE, "port": 70000}, {"port": "value should be between 0 and 65535"}),
    "bad path": ({**EXAMPLE, "path": "x"}, {"path": "should start with: /"}),
    "bad name": (
        {**EXAMPLE, "name": "a b"},
        {
            "name": "invalid value 'a b': the only accepted ascii characters are "
            "alphanumerics or ., -, _, and ~"
        },
    ),
    "no time": (
        {**EXAMPLE, "read_timeout": 0},
        {"read_timeout": "value should be between 1 and 2147483646"},
    ),
    "grpc with a path": (
        {**EXAMPLE, "protocol": "grpc", "path": "/x"},
        {
            "path": "value must be null",
            "@entity": ["failed conditional validation given value of field 'protocol'"],
        },
    ),
    "certificate": (
        {**EXAMPLE, "client_certificate": {"id": "x"}},
        {"client_certificate": "value must be null"},
    ),
    "url that is none": ({"url": "http://[x"}, {"url": "could not parse url"}),
    "url as a number": ({"url": 5}, {"url": "expected a string"}),
    "url without a host": ({"url": "/x"}, {"host": "required field missing"}),
}


@pytest.mark.parametrize(("values", "fields"), REFUSED.values(), ids=REFUSED)
async def test_says_what_is_wrong(
    quick: AdminClient, values: dict[str, object], fields: dict[str, object]
) -> None:
    answer = await quick.post("/services", values)
    assert answer.status == 400
    assert answer.json()["fields"] == fields


async def test_a_name_is_taken_once(admin: AdminClient) -> None:
    await admin.post("/services", EXAMPLE)
    answer = await admin.post("/services", EXAMPLE)
    assert answer.status == 409
    assert answer.json()["fields"] == {"name": "example"}


async def test_a_service_with_routes_stays(admin: AdminClient) -> None:
    await admin.post("/services", EXAMPLE)
    await admin.post("/services/example/routes", {"name": "r"})
    answer = await admin.delete("/services/example")
    assert answer.status == 400
    assert answer.json() == {
        "code": 4,
        "name": "foreign key violation",
        "message": "an existing 'routes' entity references this 'services' entity",
        "fields": {"@referenced_by": "routes"},
    }
    await admin.delete("/routes/r")
    assert (await admin.delete("/services/example")).status == 204


async def test_what_was_shown_can_be_sent_again(admin: AdminClient) -> None:
    created = (await admin.post("/services", EXAMPLE)).json()
    put = (await admin.put("/services/example", created)).json()
    assert {**put, "updated_at": 0} == {**created, "updated_at": 0}
