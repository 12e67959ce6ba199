"""Encryptions are counted, and rotations begun and worked on, without anybody asking."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from authsvc.apikey import ApiKey
from authsvc.encryption_ledger import RESERVED, ROTATE_AT, WARN_AT, EncryptionLedger
from authsvc.errors import StoreUnavailableError
from authsvc.memory import MemoryDatabase
from sidecar.ring_upkeep import keep_counted, keep_rotated
from tests.deadline import eventually
from tests.fakes.entities import a_consumer, an_id
from tests.fakes.ring import Held, held_ring


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Counted:
    """``LedgerMetrics`` that remember."""

    def __init__(self) -> None:
        self.last = -1

    def counted(self, *, encryptions: int) -> None:
        self.last = encryptions


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(clock: Clock) -> MemoryDatabase:
    return MemoryDatabase(clock=clock)


@pytest.fixture
async def held(database: MemoryDatabase) -> Held:
    return await held_ring(database)


async def encryptions(database: MemoryDatabase, key_id: str) -> int:
    return next(key.encryptions for key in await database.keyring.load() if key.id == key_id)


def seal(held: Held, times: int) -> None:
    for number in range(times):
        held.sealer.seal(
            ApiKey.from_text("k"), credential_id=an_id(number), consumer_id=an_id(1), created_at=1
        )


@asynccontextmanager
async def running(*upkeep: Awaitable[None]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(each) for each in upkeep]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def test_encryptions_are_reserved_before_they_happen_and_in_batches(
    database: MemoryDatabase, held: Held
) -> None:
    key_id = held.sealer.active
    ledger = EncryptionLedger(keyring=database.keyring, sealer=held.sealer)
    await ledger.settle()
    assert await encryptions(database, key_id) == RESERVED
    seal(held, 10)
    await ledger.settle()
    assert await encryptions(database, key_id) == RESERVED  # there is enough in hand


async def test_what_was_sealed_beyond_the_reserve_is_booked_later(
    database: MemoryDatabase, held: Held
) -> None:
    key_id = held.sealer.active
    ledger = EncryptionLedger(keyring=database.keyring, sealer=held.sealer)
    held.sealer._tally[key_id] = 3 * RESERVED
    await ledger.settle()
    assert await encryptions(database, key_id) == 4 * RESERVED
    # Also under a key that has stopped to be the active one.
    clear, _ = await held.custodian.generate()
    await held.custodian.activate(clear.id)
    held.sealer._tally[key_id] = RESERVED + 7
    await ledger.settle()
    assert await encryptions(database, key_id) == 4 * RESERVED + 7
    assert await encryptions(database, clear.id) == RESERVED


async def test_an_outage_forgets_no_encryption(
    database: MemoryDatabase, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_id = held.sealer.active
    ledger = EncryptionLedger(keyring=database.keyring, sealer=held.sealer)
    held.sealer._tally[key_id] = 2 * RESERVED

    async def away(*_arguments: object) -> None:
        raise StoreUnavailableError("away")

    with monkeypatch.context() as outage:
        outage.setattr(database.keyring, "count", away)
        with pytest.raises(StoreUnavailableError):
            await ledger.settle()
    await ledger.settle()
    assert await encryptions(database, key_id) == 3 * RESERVED


DUE = {
    "fresh": (0, 0, None, False),
    "warned about only": (WARN_AT, 0, None, False),
    "about to be enough": (ROTATE_AT - 1, 0, None, False),
    "sealed enough": (ROTATE_AT, 0, None, True),
    "old, and nobody cares": (0, 4000, None, False),
    "a day too young": (0, 89, 90, False),
    "old enough": (0, 90, 90, True),
}


@pytest.mark.parametrize("name", DUE)
async def test_a_key_is_due_by_use_or_by_age(
    database: MemoryDatabase, held: Held, clock: Clock, name: str
) -> None:
    sealed, days, max_age, due = DUE[name]
    counted = Counted()
    ledger = EncryptionLedger(
        keyring=database.keyring,
        sealer=held.sealer,
        max_age_days=max_age,
        clock=clock,
        metrics=counted,
    )
    [active] = [key for key in await database.keyring.load() if key.id == held.sealer.active]
    clock.now = active.created_at + days * 86_400
    await database.keyring.count(held.sealer.active, sealed)
    assert await ledger.is_due() is due
    assert counted.last == sealed


async def test_there_is_room_for_what_is_under_way_when_a_key_is_due() -> None:
    assert WARN_AT < ROTATE_AT < 2**32 - 1_000 * RESERVED


async def test_a_key_that_is_due_is_exchanged_once_and_all_rows_with_it(
    database: MemoryDatabase, held: Held, clock: Clock
) -> None:
    old = held.sealer.active
    await database.consumers.insert(a_consumer(1))
    await database.credentials.insert(
        held.sealer.seal(
            ApiKey.from_text("k"), credential_id=an_id(1), consumer_id=an_id(1), created_at=1
        )
    )
    ledger = EncryptionLedger(keyring=database.keyring, sealer=held.sealer, clock=clock)
    await database.keyring.count(old, ROTATE_AT)

    async def done() -> bool:
        rotation = await database.rotation.read()
        return rotation is not None and rotation.status == "done"

    async with running(keep_rotated(held.rotator, ledger), keep_counted(ledger)):
        await eventually(done, "the rotation")
    assert await database.keyring.usage() == {held.sealer.active: 1}
    assert held.sealer.active != old
    assert not await ledger.is_due()


async def test_upkeep_survives_an_outage(
    database: MemoryDatabase, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.ring_upkeep._PAUSE_SECONDS", 0.01)
    ledger = EncryptionLedger(keyring=database.keyring, sealer=held.sealer)
    claim, failures = database.rotation.claim, 0

    async def away(*_arguments: object, **_options: object) -> None:
        nonlocal failures
        failures += 1
        raise StoreUnavailableError("away")

    monkeypatch.setattr(database.rotation, "claim", away)
    async with running(keep_rotated(held.rotator, ledger)):
        await held.rotator.begin()
        await eventually(lambda: failures >= 1, "a failure")
        monkeypatch.setattr(database.rotation, "claim", claim)

        async def done() -> bool:
            rotation = await database.rotation.read()
            return rotation is not None and rotation.status == "done"

        await eventually(done, "the rotation")
