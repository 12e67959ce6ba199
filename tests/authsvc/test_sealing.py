"""A credential is its consumer's own; who can only write to the database cannot forge one."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from authsvc.apikey import ApiKey
from authsvc.entities import StoredCredential, WrappedKey
from authsvc.errors import KeyringError, RootKeyError
from authsvc.root_key import RootKey
from authsvc.sealing import DATA, INDEX, Sealer

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "stored_forms_v1.json").read_text()
)
ROOT_KEY = RootKey(bytes(range(32)))
DATA_KEYS = {"datakey1": bytes([1] * 32), "datakey2": bytes([2] * 32)}
INDEX_KEYS = {"idxkey01": bytes([3] * 32), "idxkey02": bytes([4] * 32)}
KEY = ApiKey.from_text("planted-key-7f3a")


def wrapped(
    key_id: str, *, purpose: str, active: bool = False, root_key: RootKey = ROOT_KEY
) -> WrappedKey:
    """Wrap one of the test's keys."""
    key = (DATA_KEYS | INDEX_KEYS)[key_id]
    return WrappedKey(
        id=key_id,
        created_at=1,
        purpose=purpose,
        wrapped=root_key.wrap(key, purpose=purpose, key_id=key_id),
        active=active,
    )


RING = [
    wrapped("datakey1", purpose=DATA, active=True),
    wrapped("idxkey01", purpose=INDEX, active=True),
]
ROTATED = [
    wrapped("datakey1", purpose=DATA),
    wrapped("datakey2", purpose=DATA, active=True),
    wrapped("idxkey01", purpose=INDEX, active=True),
]


def sealer() -> Sealer:
    """Return a sealer on the test's ring."""
    return Sealer.unwrap(RING, ROOT_KEY)


def credential_of(consumer: str, *, key: ApiKey = KEY, row: str = "row-1") -> StoredCredential:
    """Seal a key for a consumer."""
    return sealer().seal(key, credential_id=row, consumer_id=consumer, created_at=1)


def test_what_was_stored_by_version_1_opens_for_ever() -> None:
    root_key = RootKey(bytes.fromhex(VECTORS["root_key"]))
    ring = [
        WrappedKey(
            id=each["id"],
            created_at=1,
            purpose=each["purpose"],
            wrapped=bytes.fromhex(each["wrapped"]),
            active=True,
        )
        for each in VECTORS["wrapped_keys"]
    ]
    stored = VECTORS["credential"]
    credential = StoredCredential(
        id=stored["row_id"],
        created_at=1,
        consumer_id=stored["consumer_id"],
        digest=bytes.fromhex(stored["digest"]),
        sealed_key=bytes.fromhex(stored["sealed_key"]),
    )
    opened = Sealer.unwrap(ring, root_key)
    assert opened.reveal(credential) == ApiKey.from_text(stored["api_key"])
    assert opened.digest(ApiKey.from_text(stored["api_key"])) == credential.digest


def test_a_sealed_key_comes_back_and_proves_itself_alone() -> None:
    credential = credential_of("alice")
    assert sealer().reveal(credential) == KEY
    assert sealer().proves(credential, KEY)
    assert not sealer().proves(credential, ApiKey.from_text("planted-key-7f3b"))


def test_a_credential_keeps_what_it_is_told_beside_the_key() -> None:
    credential = sealer().seal(
        KEY, credential_id="row-1", consumer_id="alice", created_at=7, expires_at=9, tags=("a",)
    )
    assert (credential.id, credential.consumer_id) == ("row-1", "alice")
    assert (credential.created_at, credential.expires_at, credential.tags) == (7, 9, ("a",))


def test_neither_the_key_nor_what_is_stored_of_it_shows_in_a_repr() -> None:
    credential = credential_of("alice")
    assert "planted" not in repr(credential)
    assert repr(credential.digest) not in repr(credential)
    assert repr(credential.sealed_key) not in repr(credential)


BOBS = credential_of("bob", key=ApiKey.from_text("bobs-key"), row="row-2")
FORGED = {
    "given to another consumer": replace(credential_of("alice"), consumer_id="bob"),
    "copied to another row": replace(credential_of("alice"), id="row-2"),
    "its digest replaced by that of a known key": replace(
        credential_of("alice"), digest=BOBS.digest
    ),
    "its ciphertext replaced by that of a known key": replace(
        credential_of("alice"), sealed_key=BOBS.sealed_key
    ),
    "all of another's key but the row's own names": replace(
        credential_of("alice"), digest=BOBS.digest, sealed_key=BOBS.sealed_key
    ),
    "emptied": replace(credential_of("alice"), sealed_key=b""),
    "its digest emptied": replace(credential_of("alice"), digest=b""),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_row_that_was_changed_proves_nothing(name: str) -> None:
    for presented in (KEY, ApiKey.from_text("bobs-key")):
        with pytest.raises(KeyringError, match="a sealed value could not be opened"):
            sealer().proves(FORGED[name], presented)


def test_after_a_rotation_old_credentials_open_and_new_ones_use_the_new_key() -> None:
    rotated = Sealer.unwrap(ROTATED, ROOT_KEY)
    assert rotated.reveal(credential_of("alice")) == KEY
    new = rotated.seal(KEY, credential_id="row-1", consumer_id="alice", created_at=1)
    with pytest.raises(KeyringError):
        sealer().reveal(new)


def test_a_sealer_that_adopts_a_changed_ring_goes_on_with_it() -> None:
    running = sealer()
    running.adopt(Sealer.unwrap(ROTATED, ROOT_KEY))
    new = Sealer.unwrap(ROTATED, ROOT_KEY).seal(
        KEY, credential_id="row-1", consumer_id="alice", created_at=1
    )
    assert running.reveal(new) == KEY


def relabelled(key: WrappedKey, purpose: str) -> WrappedKey:
    """Write another purpose beside a wrapped key, as somebody at the database could."""
    return replace(key, purpose=purpose)


REFUSED = {
    "no key": [],
    "no active data key": [wrapped("datakey1", purpose=DATA), RING[1]],
    "no active index key": [RING[0], wrapped("idxkey01", purpose=INDEX)],
    "no index key": [RING[0]],
    "one key of another root key": [
        *RING,
        wrapped("datakey2", purpose=DATA, root_key=RootKey(bytes(32))),
    ],
    "a data key passed off as the index key": [RING[0], relabelled(RING[0], INDEX)],
    "an index key passed off as a data key": [relabelled(RING[1], DATA), RING[1]],
    "a key under another's id": [replace(RING[0], id="datakey2"), RING[1]],
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_ring_is_refused_with(name: str) -> None:
    with pytest.raises(RootKeyError):
        Sealer.unwrap(REFUSED[name], ROOT_KEY)


def test_another_root_key_opens_nothing() -> None:
    with pytest.raises(RootKeyError, match="another key"):
        Sealer.unwrap(RING, RootKey(bytes(32)))
