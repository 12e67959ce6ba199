"""The port ``DigestListing``."""

from dataclasses import replace

import pytest

from authsvc.store import Stores
from tests.contract.harness import START, Clock
from tests.fakes.entities import a_consumer, a_credential, an_id

PREFIXES = (0, 1, 255, 256, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


def digest_of(prefix: int, rest: bytes = bytes(24)) -> bytes:
    return prefix.to_bytes(8, "big") + rest


@pytest.fixture
async def filled(stores: Stores) -> Stores:
    """One credential for each of the prefixes, not in their order."""
    await stores.consumers.insert(a_consumer(1))
    for number, prefix in enumerate(reversed(PREFIXES)):
        credential = replace(a_credential(10 + number, of=1), digest=digest_of(prefix))
        await stores.credentials.insert(credential)
    return stores


async def every_page(stores: Stores, *, size: int) -> list[int]:
    found: list[int] = []
    while found[-1:] != [PREFIXES[-1]]:
        page = await stores.digests.page(found[-1] + 1 if found else 0, size=size)
        assert len(page) <= size
        found.extend(page)
        if len(page) < size:
            break
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 8, 100])
async def test_pages_hold_what_stands_for_every_digest_in_order(filled: Stores, size: int) -> None:
    assert await every_page(filled, size=size) == list(PREFIXES)


async def test_without_credentials_there_is_nothing(stores: Stores) -> None:
    assert list(await stores.digests.page(0, size=10)) == []


async def test_a_page_begins_where_it_is_told(filled: Stores) -> None:
    assert list(await filled.digests.page(2, size=2)) == [255, 256]
    assert list(await filled.digests.page(PREFIXES[-1], size=2)) == [PREFIXES[-1]]


async def test_expired_credentials_are_listed(stores: Stores, clock: Clock) -> None:
    await stores.consumers.insert(a_consumer(1))
    expired = replace(a_credential(2, of=1, expires_at=int(START) + 1), digest=digest_of(7))
    await stores.credentials.insert(expired)
    clock.now = START + 100
    assert list(await stores.digests.page(0, size=10)) == [7]


async def test_what_begins_alike_is_listed_once_at_least(filled: Stores) -> None:
    twin = replace(a_credential(50, of=1), digest=digest_of(256, b"\x01" * 24))
    await filled.credentials.insert(twin)
    assert sorted(set(await every_page(filled, size=1))) == list(PREFIXES)
    assert sorted(set(await every_page(filled, size=100))) == list(PREFIXES)


@pytest.mark.parametrize(
    "digest", [b"", b"short", b"x" * 7, digest_of(9)[:-1], digest_of(9) + b"x"]
)
async def test_what_is_no_digest_does_no_harm(filled: Stores, digest: bytes) -> None:
    await filled.credentials.insert(replace(a_credential(50, of=1), digest=digest))
    found = await every_page(filled, size=2)
    assert set(found) >= set(PREFIXES)
    assert found == sorted(found)


async def test_every_write_is_seen_at_once(filled: Stores) -> None:
    await filled.credentials.delete(an_id(10))
    assert await every_page(filled, size=100) == list(PREFIXES[:-1])
