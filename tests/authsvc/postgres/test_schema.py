"""The schema, and what the program believes of it."""

import asyncpg
import pytest

from authsvc import kinds
from authsvc.postgres import violations

KINDS = [
    kinds.CONSUMERS,
    kinds.CREDENTIALS,
    kinds.ACLS,
    kinds.SERVICES,
    kinds.ROUTES,
    kinds.PLUGINS,
    kinds.TOKENS,
]
_UNIQUE = """
SELECT indexrelid::regclass::text AS name FROM pg_index
WHERE indisunique AND indrelid::regclass::text IN ({})
"""
_COLUMNS = "SELECT column_name AS name FROM information_schema.columns WHERE table_name = '{}'"


async def names(url: str, sql: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row["name"] for row in await connection.fetch(sql)}
    finally:
        await connection.close()


async def test_every_unique_index_is_known_by_name(database_url: str) -> None:
    tables = ", ".join(f"'{name}'" for name in ("keyring", *(kind.name for kind in KINDS)))
    assert await names(database_url, _UNIQUE.format(tables)) == set(violations._UNIQUE)


async def test_every_foreign_key_is_known_by_name(database_url: str) -> None:
    found = await names(
        database_url, "SELECT conname AS name FROM pg_constraint WHERE contype = 'f'"
    )
    assert found == set(violations._FOREIGN_KEYS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_table_has_a_column_for_each_field(
    database_url: str, kind: kinds.Kind[kinds.E]
) -> None:
    columns = await names(database_url, _COLUMNS.format(kind.name))
    assert columns - {"key_id"} == set(kind.columns)


async def test_nothing_needs_what_only_postgres_has(database_url: str) -> None:
    assert not await names(
        database_url, "SELECT tgname AS name FROM pg_trigger WHERE NOT tgisinternal"
    )
    assert not await names(database_url, "SELECT sequencename AS name FROM pg_sequences")
    assert await names(database_url, "SELECT extname AS name FROM pg_extension") <= {"plpgsql"}
