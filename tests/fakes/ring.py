"""A keyring as a database has it after its first start, and recovery pairs."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from authsvc.custodian import Custodian
from authsvc.postgres import Database
from authsvc.recovery_key import RecoveryKey
from authsvc.root_key import RootKey
from authsvc.rotator import Rotator
from authsvc.sealing import Sealer
from authsvc.store import Stores
from sidecar.admin.keyring import KeyringEndpoints
from sidecar.admin.routing import Endpoint
from sidecar.keyring_bootstrap import ensure_keyring

ROOT_KEY = RootKey(bytes(range(32)))
ANOTHER_ROOT_KEY = RootKey(bytes(range(1, 33)))


@dataclass(frozen=True)
class Held:
    """A ring in one process."""

    custodian: Custodian
    sealer: Sealer
    rotator: Rotator

    def endpoints(self) -> list[Endpoint]:
        """The Admin API of this ring."""
        return KeyringEndpoints(self.custodian, self.rotator).endpoints()


async def held_ring(
    stores: Stores, *, root_key: RootKey = ROOT_KEY, recovery: RecoveryKey | None = None
) -> Held:
    """Make the ring if there is none, and open it as a process does at its start."""
    await ensure_keyring(stores.keyring, root_key, recovery=recovery)
    sealer = Sealer.unwrap(await stores.keyring.load(), root_key)
    custodian = Custodian(store=stores.keyring, root_key=root_key, sealer=sealer, recovery=recovery)
    return hold(stores, custodian, sealer)


def hold(stores: Stores, custodian: Custodian, sealer: Sealer, **options: Any) -> Held:
    """Put together what a process has of a ring."""
    rotator = Rotator(
        keyring=stores.keyring,
        rotations=stores.rotation,
        custodian=custodian,
        sealer=sealer,
        board=stores.board,
        changes=stores.changes,
        **options,
    )
    return Held(custodian, sealer, rotator)


async def empty_ring(stores: Stores) -> None:
    """Make a database's ring as if there had never been one."""
    if isinstance(stores, Database):
        for table in ("keyring", "keyring_removed", "keyring_rotation"):
            await stores.keyring._connections.fetch(f"DELETE FROM {table}")  # noqa: S608 - ours


@cache
def recovery_pair(number: int = 0) -> tuple[str, str]:
    """Return a public and a private key as PEM; made once for each number."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode(), private.decode()
