"""Expired rows go by themselves, a day later."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from authsvc.errors import StoreUnavailableError
from authsvc.memory import MemoryDatabase
from sidecar.expiry_upkeep import KEPT_SECONDS, keep_purged
from tests.deadline import eventually
from tests.fakes.entities import a_consumer, a_credential, a_token, an_id

NOW = 2_000_000
LONG_AGO = NOW - KEPT_SECONDS


class Purged(Counter[str]):
    """``PurgeMetrics`` that remember."""

    def purged(self, *, entity: str, rows: int) -> None:
        self[entity] += rows


@asynccontextmanager
async def purging(stores: MemoryDatabase) -> AsyncIterator[Purged]:
    metrics = Purged()
    task = asyncio.create_task(
        keep_purged(stores, metrics=metrics, clock=lambda: NOW, every=0.01, batch=2)
    )
    yield metrics
    task.cancel()
    await asyncio.wait((task,))


@pytest.fixture
async def stores() -> MemoryDatabase:
    """What ended a day ago, what ended just now, and what lives."""
    made = MemoryDatabase(clock=lambda: NOW)
    await made.consumers.insert(a_consumer(1))
    for number in range(1, 6):
        await made.credentials.insert(a_credential(number, of=1, expires_at=LONG_AGO))
    await made.credentials.insert(a_credential(6, of=1, expires_at=LONG_AGO + 1))
    await made.credentials.insert(a_credential(7, of=1, expires_at=NOW + 1))
    await made.credentials.insert(a_credential(8, of=1))
    await made.tokens.insert(a_token(1, expires_at=LONG_AGO))
    await made.tokens.insert(a_token(2))
    return made


async def test_what_ended_a_day_ago_is_removed_batch_by_batch(stores: MemoryDatabase) -> None:
    async with purging(stores) as metrics:
        await eventually(lambda: metrics == {"credentials": 5, "tokens": 1}, "all to be gone")
    assert [row.id for row in stores.credentials.rows()] == [an_id(n) for n in (6, 7, 8)]
    assert [row.id for row in stores.tokens.rows()] == [an_id(2)]


async def test_an_outage_is_outlived(
    stores: MemoryDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    purge, failures = stores.credentials.purge, [StoreUnavailableError()]

    async def failing(*, before: int, limit: int) -> int:
        if failures:
            raise failures.pop()
        return await purge(before=before, limit=limit)

    monkeypatch.setattr(stores.credentials, "purge", failing)
    async with purging(stores) as metrics:
        await eventually(lambda: metrics["credentials"] == 5, "the outage to pass")
    assert metrics["tokens"] == 1
