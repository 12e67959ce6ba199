"""The OpenAPI document, held against the server that it describes."""

import asyncio
from typing import Any

import hypothesis
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from authsvc.memory import MemoryDatabase
from sidecar.admin.roles import Role
from tests.clients.admin_client import AdminClient
from tests.fakes.admin_api import serving

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 3  # of each operation
# Names that exist, so that not every generated request ends in "Not found".
EXISTING = {
    "consumers": "bob",
    "acls": "staff",
    "services": "orders",
    "routes": "orders",
    "plugins": "limits",
    "keyauth_enc_credentials": "bobs-key",
    "entities": "consumers",
    "plugin_names": "acl",
}


async def document(client: AdminClient) -> dict[str, Any]:
    answer = await client.get("/openapi.json")
    assert answer.status == 200
    found: dict[str, Any] = answer.json()
    return found


async def populate(client: AdminClient) -> None:
    await client.put("/services/orders", {"host": "h"})
    await client.put("/routes/orders", {"service": {"name": "orders"}})
    await client.put("/plugins/limits", {"name": "acl", "config": {"allow": ["staff"]}})
    await client.put("/consumers/bob", {"tags": ["a"]})
    await client.put("/consumers/bob/acls/staff", {})
    await client.put("/consumers/bob/key-auth-enc/bobs-key", {})


# Further spellings of paths that are driven under another one.
ALIASES = ("/key-auth-enc", "/key-auth-encs", "/key-auths", "/consumers/{consumers}/key-auth")


def is_alias(path: str) -> bool:
    return any(path == alias or path.startswith(f"{alias}/") for alias in ALIASES)


def drive(described: dict[str, Any], url: str) -> int:
    """Send generated requests to every operation; return how many there are."""
    operations = [
        result.ok() for result in schemathesis.openapi.from_dict(described).get_all_operations()
    ]
    operations = [one for one in operations if not is_alias(one.path)]
    with requests.Session() as session:
        for operation in operations:
            _drive_one(operation, url, session)
    return len(operations)


def _drive_one(operation: Any, url: str, session: requests.Session) -> None:
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(), exists=st.booleans())
    def send(case: Any, exists: bool) -> None:
        if exists:
            case.path_parameters = {
                name: EXISTING.get(name, value) for name, value in case.path_parameters.items()
            }
        case.call_and_validate(base_url=url, session=session, checks=CHECKS)

    send()


async def test_the_server_answers_as_the_document_says() -> None:
    async with serving(MemoryDatabase()) as client:
        await populate(client)
        described = await document(client)
        count = await asyncio.to_thread(drive, described, f"http://127.0.0.1:{client.port}")
    assert count > 60


async def test_every_path_and_method_is_described(quick: AdminClient) -> None:
    described = await document(quick)
    listed = (await quick.get("/endpoints")).json()["data"]
    assert set(described["paths"]) == set(listed) - {"/endpoints", "/openapi.json"}
    for path, methods in described["paths"].items():
        allowed = (await quick.send("OPTIONS", path.replace("{", "").replace("}", ""))).headers
        named = {name.upper() for name in methods if name != "parameters"}
        assert named == set(allowed["allow"].split(", ")) - {"HEAD", "OPTIONS"}


async def test_every_operation_says_what_it_does_and_for_whom(quick: AdminClient) -> None:
    for path, methods in (await document(quick))["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                assert operation["summary"] != "See the documentation.", path
                assert operation["description"].split()[-1].rstrip(".") in set(Role), path


async def test_ids_of_operations_are_unique(quick: AdminClient) -> None:
    paths = (await document(quick))["paths"].values()
    ids = [path[name]["operationId"] for path in paths for name in path if name != "parameters"]
    assert len(ids) == len(set(ids))


async def test_what_a_plugin_takes_is_told_by_its_name(quick: AdminClient) -> None:
    schemas = (await document(quick))["components"]["schemas"]
    names = [one["properties"]["name"]["const"] for one in schemas["plugins_new"]["oneOf"]]
    assert sorted(names) == ["acl", "key-auth", "key-auth-enc", "moesif"]
    assert schemas["keyauth_enc_credentials_new"]["required"] == ["consumer"]
