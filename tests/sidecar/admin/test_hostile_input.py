"""Whatever is sent, nothing breaks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from authsvc.memory import MemoryDatabase
from sidecar.admin import acls, consumers, key_auth_enc, plugins, routes, services
from tests.clients.admin_client import AdminClient
from tests.examples import examples
from tests.fakes.admin_api import serving

SCHEMAS = {
    "/consumers": consumers.SCHEMA,
    "/consumers/bob/key-auth-enc": key_auth_enc.SCHEMA,
    "/key-auths-enc": key_auth_enc.SCHEMA,
    "/consumers/bob/acls": acls.SCHEMA,
    "/acls": acls.SCHEMA,
    "/services": services.SCHEMA,
    "/routes": routes.SCHEMA,
    "/plugins": plugins.SCHEMA,
}
ID = "11111111-1111-4111-8111-111111111111"
OTHER_NAMES = ["ttl", "url", "allow", "key_names", "application_id"]
FIELD_NAMES = sorted({*OTHER_NAMES, *(name for one in SCHEMAS.values() for name in one.fields)})
PLUGIN_NAMES = ["key-auth", "acl", "moesif"]

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([ID, "bob", "http", "grpc", "/", *PLUGIN_NAMES]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELD_NAMES) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
json_objects = st.dictionaries(st.sampled_from(FIELD_NAMES), json_values, max_size=6)
form_names = st.sampled_from(FIELD_NAMES).flatmap(
    lambda name: st.sampled_from(
        ["", "[]", "[1]", "[x]", ".id", ".username", ".allow", "[", "."]
    ).map(lambda rest: name + rest)
)
forms = st.dictionaries(form_names | st.text(max_size=5), st.text(max_size=20), max_size=6)
segments = st.sampled_from(["bob", ID, "%00", "%FF", "a%2Fb", "x"])
queries = st.text("size=offtags&/,%01ab", max_size=12)

quickly = settings(
    max_examples=examples(30),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@asynccontextmanager
async def prepared() -> AsyncIterator[AdminClient]:
    async with serving(MemoryDatabase()) as client:
        await client.post("/consumers", {"username": "bob"})
        yield client


async def write(client: AdminClient, path: str, segment: str, query: str, **body: Any) -> None:
    """Create, replace and change an entity; read what was accepted."""
    item = f"{path}/{segment}"
    for method, target in (("POST", path), ("PUT", item), ("PATCH", item), ("GET", item)):
        answer = await client.send(method, f"{target}?{query}", **body)
        assert answer.status < 500, f"{method} {target}: {answer.body!r}"
    assert (await client.get(path)).status in {200, 404}


@quickly
@given(path=st.sampled_from(list(SCHEMAS)), segment=segments, query=queries, values=json_objects)
async def test_no_json_breaks_anything(
    path: str, segment: str, query: str, values: dict[str, Any]
) -> None:
    async with prepared() as client:
        await write(client, path, segment, query, json=values)


@quickly
@given(path=st.sampled_from(list(SCHEMAS)), segment=segments, query=queries, values=forms)
async def test_no_form_breaks_anything(
    path: str, segment: str, query: str, values: dict[str, str]
) -> None:
    async with prepared() as client:
        await write(client, path, segment, query, form=values)


@quickly
@given(
    body=st.binary(max_size=60),
    kind=st.sampled_from(
        [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=X",
            "multipart/form-data",
        ]
    ),
)
async def test_no_bytes_break_anything(body: bytes, kind: str) -> None:
    async with prepared() as client:
        for raw in (body, b"--X\r\n" + body, b'{"tags":' + body):
            answer = await client.send(
                "POST", "/consumers", raw=raw, headers={"Content-Type": kind}
            )
            assert answer.status < 500, answer.body


@quickly
@given(path=st.text("abc/%2Ff01{}?&=+.~:@", max_size=30))
async def test_no_path_breaks_anything(path: str) -> None:
    async with prepared() as client:
        for prefix in ("/", "/consumers/", "/key-auths-enc/", "/tags/", "/acls/"):
            answer = await client.send("GET", prefix + path)
            assert answer.status < 500, answer.body
