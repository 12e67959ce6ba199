"""The audit log against somebody who can write to the database."""

import asyncpg
import pytest

from authsvc.audit import AuditChain, Deed, recording, verify
from authsvc.errors import StoreUnavailableError
from authsvc.postgres.database import Database
from tests.fakes.entities import a_consumer, an_id

DEED = Deed(who="ann", role="admin", source="::1", method="POST", route="/consumers")
CHAIN = AuditChain(bytes(32))

MEDDLING = {
    "changed": ("UPDATE audit SET who = 'eve' WHERE seq = 2", 2),
    "called refused": ("UPDATE audit SET refused = 403 WHERE seq = 2", 2),
    "multiplied": ("UPDATE audit SET times = 2 WHERE seq = 2", 2),
    "removed": ("DELETE FROM audit WHERE seq = 2", 2),
    "the newest removed": ("DELETE FROM audit WHERE seq = 4", 4),
    "all removed": ("DELETE FROM audit", 1),
    "removed and renumbered": (
        (
            "DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = seq - 1 WHERE seq = 3;"
            "UPDATE audit SET seq = seq - 1 WHERE seq = 4; UPDATE audit_head SET seq = 3"
        ),
        2,
    ),
    "swapped": (
        (
            "UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
            "UPDATE audit SET seq = 3 WHERE seq = 99"
        ),
        2,
    ),
    "the head put back": ("UPDATE audit_head SET mac = (SELECT mac FROM audit WHERE seq = 3)", 4),
}


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.mark.parametrize(("sql", "broken"), MEDDLING.values(), ids=MEDDLING)
async def test_meddling_is_found(database_url: str, sql: str, broken: int) -> None:
    async with Database.open(database_url, pool_size=1) as database:
        with recording(DEED, CHAIN):
            for number in range(4):
                await database.consumers.insert(a_consumer(number))
        assert (await verify(database.audit, CHAIN)).broken is None
        await execute(database_url, sql)
        assert (await verify(database.audit, CHAIN)).broken == broken


async def test_a_write_that_cannot_be_recorded_is_not_made(database_url: str) -> None:
    await execute(database_url, "DROP TABLE audit")
    async with Database.open(database_url, pool_size=1) as database:
        with recording(DEED, CHAIN), pytest.raises(StoreUnavailableError):
            await database.consumers.insert(a_consumer(1))
        assert await database.consumers.get(an_id(1)) is None
