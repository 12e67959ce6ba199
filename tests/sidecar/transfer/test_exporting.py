"""What is exported is all there is, and imports again to the same."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from authsvc import kinds
from authsvc.postgres import Database
from sidecar.transfer.exporting import UnreadableKeyError
from tests.fakes.imports import NOW, Importer
from tests.fakes.postgres import PostgresServer

FILE = """
_format_version: "2.1"
services:
- name: orders
  url: https://orders.internal/base
  tags: [team, "t\u00e4g"]
  routes:
  - name: orders
    paths: [/orders, "~/re(gex)?$"]
    headers: {x-a: ["1"]}
    methods: [GET]
    plugins:
    - name: key-auth-enc
      instance_name: one
      config: {key_names: [apikey], anonymous: alice, realm: "a \\"b\\""}
  - name: calls
    protocols: [grpc]
plugins:
- name: acl
  enabled: false
  config: {deny: [banned]}
consumers:
- id: 0000000a-0000-4000-8000-00000000000A
  username: alice
  created_at: 1500000000
  tags: []
- custom_id: "\U0001f600 #: null"
  keyauth_credentials:
  - key: "canary: # 'x' \\"y\\" \\u00e9\\t"
    name: laptop
    metadata: {plan: [gold, null], n: 1.5, m: 1.0e-7}
    enabled: false
    created_at: 1500000001
  - key: "0123"
    ttl: 100
    tags: [a, b c]
  acls:
  - group: banned
    tags: [x]
"""


async def state(importer: Importer) -> list[list[Any]]:
    """Return all entities, without what is set by whoever writes; keys in clear."""
    rows: list[list[Any]] = []
    for kind in (kinds.SERVICES, kinds.ROUTES, kinds.PLUGINS, kinds.CONSUMERS, kinds.ACLS):
        found = await importer.all(kind)
        unwritten = {"updated_at": 0} if hasattr(kind.entity, "updated_at") else {}
        rows.append([replace(each, **unwritten) for each in found])
    credentials = await importer.all(kinds.CREDENTIALS)
    rows.append(
        [
            (importer.sealer.reveal(each).reveal(), replace(each, sealed_key=b""))
            for each in credentials
        ]
    )
    return rows


@pytest.mark.parametrize("encrypted", [False, True], ids=["in clear", "encrypted"])
async def test_an_export_gives_the_same_in_an_empty_database(
    importer: Importer, postgres_server: PostgresServer, *, encrypted: bool
) -> None:
    await importer.load(FILE)
    exported = await importer.dump(encrypted=encrypted)
    assert ("canary" in exported) is not encrypted
    assert ("_transform: false" in exported) is encrypted
    with postgres_server.new_database() as url:
        async with Database.open(url, pool_size=2, clock=lambda: NOW) as empty:
            other = Importer(empty, importer.sealer)
            await other.load(exported)
            assert await state(other) == await state(importer)
            assert await other.dump() == await importer.dump()
    assert {each.split("/")[0] for each in (await importer.load(exported)).values()} == {"0"}


async def test_what_is_left_of_a_ttl_is_never_nothing(importer: Importer) -> None:
    await importer.load(FILE)

    async def ttls(now: float) -> list[int | None]:
        document = yaml.safe_load(await importer.dump(now=now))
        return [each.get("ttl") for each in document["keyauth_credentials"]]

    # To Kong, 0 means that a key lives for ever.
    assert sorted(filter(None, await ttls(NOW + 40.5))) == [60]
    assert sorted(filter(None, await ttls(NOW + 99.9))) == [1]


async def test_an_empty_database_is_an_empty_file(importer: Importer) -> None:
    assert await importer.dump() == '_format_version: "3.0"\n'
    assert await importer.load(await importer.dump(), prune=True) == {}


async def test_a_row_that_does_not_open_is_named_and_not_lost(importer: Importer) -> None:
    await importer.load(FILE)
    row = (await importer.all(kinds.CREDENTIALS))[0]
    await importer.database.credentials.replace(replace(row, digest=b"forged"))
    with pytest.raises(UnreadableKeyError, match=row.id):
        await importer.dump()
    assert row.id in await importer.dump(encrypted=True)


async def test_fields_of_ours_are_there_only_where_they_say_something(importer: Importer) -> None:
    plugins = "plugins: [{name: key-auth, config: {key_in_cookie: true}}]"
    await importer.load(f'_format_version: "3.0"\n{plugins}')
    [plugin] = yaml.safe_load(await importer.dump())["plugins"]
    ours = {"key_in_cookie", "key_in_bearer", "key_format", "edge_cache"}
    assert ours & plugin["config"].keys() == {"key_in_cookie"}
    assert {"key_names", "key_in_query", "realm"} <= plugin["config"].keys()
