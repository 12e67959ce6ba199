"""How an import writes: in batches that others survive, and keys last."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from authsvc import kinds
from authsvc.audit import AuditChain, Deed, recording, verify
from authsvc.errors import KeyRemovedError, StoreUnavailableError
from authsvc.kinds import Kind
from sidecar.transfer.importing import (
    BATCH,
    BulkTable,
    EncryptedKeyError,
    carry_out,
)
from tests.fakes.imports import NOW, Importer, SteadyRing, Steps, counts

MANY = BATCH * 2 + 100
FILE = json.dumps(
    {
        "_format_version": "3.0",
        "services": [{"name": "s", "host": "h", "routes": [{"name": "r"}]}],
        "plugins": [{"name": "acl", "config": {"deny": ["banned"]}}],
        "consumers": [
            {
                "username": f"user-{number}",
                "keyauth_credentials": [{"key": f"canary-{number}"}],
                "acls": [{"group": "banned"}],
            }
            for number in range(MANY)
        ],
    }
)


GONE = StoreUnavailableError("as a database that was killed")


class Failing:
    """A database that fails at its n-th write."""

    def __init__(self, importer: Importer, *, at: int, error: Exception = GONE) -> None:
        self._importer = importer
        self.left = at
        self.error = error

    def bulk(self, kind: Kind[Any]) -> BulkTable:
        return FailingTable(self, self._importer.database.bulk(kind))


class FailingTable:
    def __init__(self, database: Failing, table: BulkTable) -> None:
        self._database = database
        self._table = table

    async def put_all(self, entities: Sequence[Any]) -> int | None:
        self._database.left -= 1
        if not self._database.left:
            raise self._database.error
        return await self._table.put_all(entities)

    async def delete_all(self, ids: Sequence[str]) -> int | None:
        return await self._table.delete_all(ids)


async def test_an_import_that_breaks_off_is_finished_by_the_next_one(importer: Importer) -> None:
    left = {"consumers": MANY, "acls": MANY, "credentials": MANY}
    for at in (8, 4, 2):  # within the groups, then within the keys
        plan = await importer.plan(FILE)
        assert {name: plan[name].created for name in left} == left
        failing = Failing(importer, at=at)
        with pytest.raises(StoreUnavailableError):
            await carry_out(plan, failing, ring=SteadyRing(importer.sealer), progress=Steps())
        for kind in (kinds.CONSUMERS, kinds.ACLS, kinds.CREDENTIALS):
            left[kind.name] = MANY - await count(importer, kind)
    assert left == {"consumers": 0, "acls": 0, "credentials": 100}
    await importer.load(FILE)
    assert counts(await importer.plan(FILE, prune=True)) == {
        "services": "0/0/0/1",
        "routes": "0/0/0/1",
        "plugins": "0/0/0/1",
        "consumers": f"0/0/0/{MANY}",
        "acls": f"0/0/0/{MANY}",
        "credentials": f"0/0/0/{MANY}",
    }


async def count(importer: Importer, kind: Kind[Any]) -> int:
    async with importer.database.snapshot() as rows:
        return await rows.count(kind)


async def test_a_key_of_the_ring_that_goes_meanwhile_does_not_end_an_import(
    importer: Importer,
) -> None:
    ring = SteadyRing(importer.sealer)
    failing = Failing(importer, at=10, error=KeyRemovedError())
    await carry_out(await importer.plan(FILE), failing, ring=ring, progress=Steps())
    assert await count(importer, kinds.CREDENTIALS) == MANY
    assert ring.refreshed == 3 + 3 * 3 + 1 + 1  # each batch, once more where it failed, the end


async def test_keys_are_written_after_all_that_limits_them(importer: Importer) -> None:
    steps, ring = Steps(), SteadyRing(importer.sealer)
    await carry_out(await importer.plan(FILE), importer.database, ring=ring, progress=steps)
    labels = list(dict.fromkeys(label for label, _ in steps.taken))
    assert labels == ["services", "routes", "plugins", "consumers", "acls", "credentials"]
    assert sum(done for _, done in steps.taken) == 3 + 3 * MANY
    assert max(done for _, done in steps.taken) == BATCH
    assert ring.refreshed == len(steps.taken) + 1


async def test_keys_go_before_what_limits_them(importer: Importer) -> None:
    await importer.load(FILE)
    steps = Steps()
    plan = await importer.plan('_format_version: "3.0"', prune=True)
    await carry_out(plan, importer.database, ring=SteadyRing(importer.sealer), progress=steps)
    labels = list(dict.fromkeys(label for label, _ in steps.taken))
    assert labels == ["credentials", "acls", "consumers", "plugins", "routes", "services"]
    assert await importer.all(kinds.CONSUMERS) == []


async def test_every_write_is_in_the_audit_log(importer: Importer) -> None:
    chain = AuditChain(bytes(32))
    deed = Deed(who="ann", role="admin", source="host", method="IMPORT", route="import")
    with recording(deed, chain):
        await importer.load(FILE)
    entries = await importer.database.audit.page(size=100)
    named = {name for entry in entries for name in entry.entities}
    assert {entry.deed for entry in entries} == {deed}
    assert len(named) == 3 + 3 * MANY
    assert (await verify(importer.database.audit, chain)).broken is None


async def test_two_imports_at_once_leave_one_of_each(importer: Importer) -> None:
    small = '_format_version: "3.0"\nconsumers: [{username: a, keyauth_credentials: [{key: k}]}]'
    await asyncio.gather(
        *(importer.load(small, now=NOW + second) for second in range(3)), return_exceptions=True
    )
    await importer.load(small)
    assert await count(importer, kinds.CONSUMERS) == 1
    assert await count(importer, kinds.CREDENTIALS) == 1


async def test_encrypted_keys_of_another_ring_are_told_and_nothing_is_written(
    importer: Importer,
) -> None:
    file = """
_format_version: "3.0"
consumers:
- username: alice
  keyauth_credentials:
  - id: 00000001-0000-4000-8000-000000000000
    key: encrypted:v1:AAAA
"""
    with pytest.raises(EncryptedKeyError) as caught:
        await importer.load(file)
    assert "00000001-0000-4000-8000-000000000000 of consumer alice" in str(caught.value)
    assert "AAAA" not in str(caught.value)
    assert await importer.all(kinds.CONSUMERS) == []
