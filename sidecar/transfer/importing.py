"""Carries out the plan of an import, batch by batch.

What callers can rely on:

1. A batch is one transaction. After a crash, or a failure, the same import goes on where it was:
   what is done is told by the rows themselves.
2. Keys are sealed right before they are written, under the ring as it is then, and counted.
3. What stands in an entity's way is deleted right before it, everything else at the end; keys are
   written after all that limits them.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol

from authsvc.apikey import ApiKey
from authsvc.errors import KeyRemovedError, KeyringError
from authsvc.kinds import Kind
from authsvc.sealing import Sealer
from sidecar.declarative.declaration import Declaration, DeclaredCredential, SealedKey
from sidecar.declarative.stores import seal
from sidecar.errors import SidecarError
from sidecar.transfer.conflicts import printable
from sidecar.transfer.encrypted_keys import stored_bytes
from sidecar.transfer.plan import DELETE_ORDER, WRITE_ORDER, KindPlan, Plan

BATCH = 500  # entities: some hundredths of a second
_SHOWN = 10  # ids in an error


class BulkTable(Protocol):
    """Where entities of one kind are written by the hundred; see ``authsvc.postgres``."""

    async def put_all(self, entities: Sequence[Any]) -> int | None:
        """Store entities, each in place of the one with its id if there is one."""

    async def delete_all(self, ids: Sequence[str]) -> int | None:
        """Remove those of these that are there, and what belongs to them."""


class Bulk(Protocol):
    """A database to write to."""

    def bulk(self, kind: Kind[Any]) -> BulkTable:
        """Return what writes one kind."""


class Ring(Protocol):
    """The ring that keys are sealed under."""

    @property
    def sealer(self) -> Sealer:
        """What seals."""

    async def refresh(self) -> None:
        """Book what was sealed, reserve what will be, and follow what others did to the ring."""


class Progress(Protocol):
    """Told how far the work is."""

    def advance(self, label: str, done: int) -> None:
        """So many more of a kind are done."""


class EncryptedKeyError(SidecarError):
    """Keys of a file are encrypted under a ring that is not this one; nothing was written."""


def opened(declaration: Declaration, sealer: Sealer) -> Declaration:
    """Return a declaration with its encrypted keys in clear.

    Raises:
        EncryptedKeyError: Some do not open with this ring for the credential beside them.
    """
    failed: list[str] = []
    names = {each.id: each.username or each.custom_id or each.id for each in declaration.consumers}

    def clear(credential: DeclaredCredential) -> DeclaredCredential:
        if not isinstance(credential.key, SealedKey):
            return credential
        try:
            return replace(credential, key=_key_of(credential, credential.key.text, sealer))
        except KeyringError:
            owner = printable(names.get(credential.consumer_id, credential.consumer_id))
            failed.append(f"{credential.id} of consumer {owner}")
            return credential

    credentials = tuple(map(clear, declaration.credentials))
    if failed:
        more = "" if len(failed) <= _SHOWN else f" and {len(failed) - _SHOWN} more"
        listed = ", ".join(islice(failed, _SHOWN))
        raise EncryptedKeyError(
            f"encrypted keys do not open with this database's keyring: {listed}{more}"
        )
    return replace(declaration, credentials=credentials)


async def carry_out(plan: Plan, database: Bulk, *, ring: Ring, progress: Progress) -> None:
    """Write and delete what the plan says.

    Raises:
        StoreError: Somebody else wrote meanwhile, or the database is away; run the import again.
    """
    for kind in WRITE_ORDER:
        await _write(plan[kind.name], database.bulk(kind), ring, progress)
    for kind in DELETE_ORDER:
        await _delete(plan[kind.name].gone, database.bulk(kind), kind.name, progress)
    await ring.refresh()


async def _write(plan: KindPlan, table: BulkTable, ring: Ring, progress: Progress) -> None:
    await _delete(plan.first, table, plan.kind.name, progress)
    for start in range(0, len(plan.puts), BATCH):
        batch = plan.puts[start : start + BATCH]
        await ring.refresh()
        try:
            await table.put_all([_stored(each, ring.sealer) for each in batch])
        except KeyRemovedError:  # between the two lines above
            await ring.refresh()
            await table.put_all([_stored(each, ring.sealer) for each in batch])
        progress.advance(plan.kind.name, len(batch))


async def _delete(ids: Sequence[str], table: BulkTable, label: str, progress: Progress) -> None:
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        await table.delete_all(batch)
        progress.advance(label, len(batch))


def _stored(entity: Any, sealer: Sealer) -> Any:
    if not isinstance(entity, DeclaredCredential):
        return entity
    return seal(entity, sealer)


def _key_of(credential: DeclaredCredential, text: str, sealer: Sealer) -> ApiKey:
    return sealer.open_key(
        stored_bytes(text), credential_id=credential.id, consumer_id=credential.consumer_id
    )
