"""The port ``Directory``."""

import pytest

from authsvc.store import KnownConsumer, KnownCredential, Stores
from tests.contract.harness import START, Clock
from tests.fakes.entities import a_consumer, a_credential, a_digest, an_acl, an_id
from tests.fakes.found_credential import find_credential


@pytest.fixture
async def filled(stores: Stores) -> Stores:
    """Consumer 1 with a credential and three groups; consumer 2 with nothing."""
    await stores.consumers.insert(a_consumer(1, username="ann", custom_id="c", tags=("t",)))
    await stores.consumers.insert(a_consumer(2, username="bob"))
    await stores.credentials.insert(a_credential(10, of=1, tags=("k",)))
    for number, group in enumerate(("b", "a", "B", "é")):
        await stores.acls.insert(an_acl(20 + number, of=1, group=group))
    return stores


ANN = KnownConsumer(
    a_consumer(1, username="ann", custom_id="c", tags=("t",)), groups=("B", "a", "b", "é")
)


async def test_a_credential_is_found_with_its_consumer_and_groups(filled: Stores) -> None:
    found = await find_credential(filled.directory, a_digest("key-10"))
    assert found == KnownCredential(a_credential(10, of=1, tags=("k",)), ANN)


@pytest.mark.parametrize("digest", [a_digest("another"), b"", bytes(32), b"x" * 10_000])
async def test_an_unknown_digest_is_none(filled: Stores, digest: bytes) -> None:
    assert await find_credential(filled.directory, digest) is None


async def test_many_credentials_are_found_by_their_digests(filled: Stores) -> None:
    others = [a_credential(number, of=1 + number % 2) for number in range(100, 200)]
    for credential in others:
        await filled.credentials.insert(credential)
    asked = [a_digest("another"), *(each.digest for each in others), others[0].digest]
    found = await filled.directory.find_credentials(asked)
    assert {digest: each.credential for digest, each in found.items()} == {
        each.digest: each for each in others
    }
    assert all(each.owner.consumer.id == each.credential.consumer_id for each in found.values())


async def test_who_asks_for_no_credential_gets_none(filled: Stores) -> None:
    assert await filled.directory.find_credentials([]) == {}


async def test_an_expired_credential_is_found(filled: Stores, clock: Clock) -> None:
    expired = a_credential(11, of=2, expires_at=int(START) + 1)
    await filled.credentials.insert(expired)
    clock.now = START + 100
    found = await find_credential(filled.directory, expired.digest)
    assert found is not None
    assert found.credential == expired


REFERENCES = {
    "the id": (an_id(1), ANN),
    "the id in upper case": (an_id(1).upper(), ANN),
    "the username": ("ann", ANN),
    "the username in another case": ("Ann", None),
    "the custom_id": ("c", None),
    "an unknown id": (an_id(3), None),
    "nothing": ("", None),
    "what cannot be stored": ("ann\x00", None),
}


@pytest.mark.parametrize("name", REFERENCES)
async def test_a_consumer_is_found_by(filled: Stores, name: str) -> None:
    reference, consumer = REFERENCES[name]
    assert await filled.directory.find_consumer(reference) == consumer


async def test_what_looks_like_an_id_is_never_a_username(filled: Stores) -> None:
    await filled.consumers.insert(a_consumer(3, username=an_id(4)))
    assert await filled.directory.find_consumer(an_id(4)) is None


async def test_a_consumer_without_groups_has_none(filled: Stores) -> None:
    found = await filled.directory.find_consumer("bob")
    assert found is not None
    assert found.groups == ()


async def test_every_write_is_seen_at_once(filled: Stores) -> None:
    await filled.credentials.insert(a_credential(12, of=2))
    await filled.acls.delete(an_id(20))
    assert await find_credential(filled.directory, a_digest("key-12")) is not None
    found = await filled.directory.find_consumer("ann")
    assert found is not None
    assert found.groups == ("B", "a", "é")
    await filled.credentials.delete(an_id(12))
    assert await find_credential(filled.directory, a_digest("key-12")) is None
