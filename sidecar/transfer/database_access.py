"""The composition of what imports and exports work on: the database itself, and its open ring."""

import getpass
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from authsvc.audit import AuditChain, Deed
from authsvc.custodian import Custodian
from authsvc.encryption_ledger import EncryptionLedger
from authsvc.postgres.database import Database
from authsvc.root_key import RootKey
from authsvc.sealing import Sealer
from sidecar.audit_key import open_audit_key
from sidecar.errors import StartupError
from sidecar.settings import Settings, read_recovery_key
from sidecar.startup import prepare


class OpenRing:
    """A ring as a process that seals for a while holds it."""

    def __init__(self, *, sealer: Sealer, custodian: Custodian, ledger: EncryptionLedger) -> None:
        self.sealer = sealer
        self._custodian = custodian
        self._ledger = ledger

    async def refresh(self) -> None:
        """Book what was sealed, reserve what will be, and follow what others did to the ring.

        Raises:
            StoreUnavailableError: The database is away.
            RootKeyError: The root key does not open the ring any more.
        """
        await self._ledger.settle()
        await self._custodian.reload()


@dataclass(frozen=True, slots=True)
class DatabaseAccess:
    """A database with the right schema, and its ring."""

    database: Database
    ring: OpenRing
    _root_key: RootKey

    async def open_chain(self) -> AuditChain:
        """Return the chain of the audit log, begun if there is none.

        Raises:
            StoreUnavailableError: The database is away.
        """
        return AuditChain(await open_audit_key(self.database.keyring, self._root_key))


@asynccontextmanager
async def open_access(settings: Settings) -> AsyncIterator[DatabaseAccess]:
    """Open the settings' database for as long as the context lasts.

    Raises:
        SettingsError: There is none, or a file of the settings cannot be read.
        RootKeyError: The root key is not the keyring's.
        SchemaVersionError: The schema is not one that this program can work with.
        StoreUnavailableError: The database is away.
        StartupError: The embedded database cannot be had.
    """
    async with (
        prepare(settings) as prepared,
        Database.open(prepared.database_url.reveal(), pool_size=2) as database,
    ):
        if prepared.root_key is None:
            raise StartupError("there is no root key")
        root_key = RootKey.from_base64(prepared.root_key.reveal())
        sealer = Sealer.unwrap(await database.keyring.load(), root_key)
        custodian = Custodian(
            store=database.keyring,
            root_key=root_key,
            sealer=sealer,
            recovery=read_recovery_key(settings),
        )
        ledger = EncryptionLedger(keyring=database.keyring, sealer=sealer)
        ring = OpenRing(sealer=sealer, custodian=custodian, ledger=ledger)
        yield DatabaseAccess(database, ring, root_key)


def deed_of(command: str) -> Deed:
    """Return what the audit log says of a command that writes to the database itself."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a process id without a name, as in containers
        user = "unknown"
    return Deed(
        who=f"command line: {user}",
        role="admin",
        source=platform.node() or "unknown",
        method=command.upper(),
        route=f"tollkeeper {command}",
    )
