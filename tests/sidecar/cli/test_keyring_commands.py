"""``tollkeeper keyring``: what it does, what it prints, and what never stands on a command line."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from authsvc.encryption_ledger import EncryptionLedger
from authsvc.errors import RootKeyError
from authsvc.memory import MemoryDatabase
from authsvc.postgres import Database
from authsvc.recovery_key import RecoveryKey
from authsvc.root_key import RootKey
from sidecar.keyring_bootstrap import ensure_keyring
from sidecar.ring_upkeep import keep_rotated
from tests.clients.command_line import Failed, Outcome, Tollkeeper
from tests.fakes.admin_api import serving
from tests.fakes.entities import a_consumer, a_credential
from tests.fakes.ring import Held, held_ring, recovery_pair

PUBLIC, PRIVATE = recovery_pair()


@pytest.fixture
def database() -> MemoryDatabase:
    """What is behind the Admin API."""
    return MemoryDatabase()


@pytest.fixture
async def held(
    database: MemoryDatabase, monkeypatch: pytest.MonkeyPatch, tollkeeper: Tollkeeper
) -> AsyncIterator[Held]:
    """A ring behind an Admin API, and its upkeep; what they log is not what a command prints."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    held = await held_ring(database, recovery=RecoveryKey.from_pem(PUBLIC))
    ledger = EncryptionLedger(keyring=database.keyring, sealer=held.sealer)
    upkeep = asyncio.create_task(keep_rotated(held.rotator, ledger))
    async with serving(database, sealer=held.sealer, keyring=held.endpoints()) as api:
        monkeypatch.setenv("TOLLKEEPER_ADMIN_URL", f"http://127.0.0.1:{api.port}")
        yield held
    upkeep.cancel()
    await asyncio.wait((upkeep,))
    structlog.reset_defaults()


def out(outcome: Outcome) -> str:
    assert (outcome.code, outcome.err) == (0, "")
    return outcome.out


async def ids(tollkeeper: Tollkeeper) -> dict[str, bool]:
    listed = json.loads(out(await tollkeeper("keyring", "status", "--output", "json")))
    return {row["id"]: row["active"] for row in listed}


async def test_a_key_is_generated_activated_and_removed(held: Held, tollkeeper: Tollkeeper) -> None:
    first = held.sealer.active
    made = json.loads(out(await tollkeeper("keyring", "generate", "--output", "json")))
    assert await ids(tollkeeper) == {first: True, made["id"]: False}
    assert out(await tollkeeper("keyring", "activate", made["id"])) == f"activated {made['id']}\n"
    assert out(await tollkeeper("keyring", "remove", first)) == f"removed {first}\n"
    assert await ids(tollkeeper) == {made["id"]: True}


async def test_what_the_ring_refuses_is_one_line(
    held: Held, tollkeeper: Tollkeeper, told: Failed
) -> None:
    line = told(await tollkeeper("keyring", "remove", held.sealer.active), 1)
    assert "The key is active" in line


async def test_a_rotation_is_awaited(held: Held, tollkeeper: Tollkeeper) -> None:
    first = held.sealer.active
    outcome = await tollkeeper("keyring", "rotate", "--wait", "--output", "json")
    assert outcome.code == 0
    rotation = json.loads(outcome.out)
    assert rotation["status"] == "done"
    assert await ids(tollkeeper) == {first: False, rotation["target"]: True}
    shown = json.loads(out(await tollkeeper("keyring", "rotation", "--output", "json")))
    assert shown == rotation


async def test_a_rotation_that_leaves_rows_behind_is_a_failure(
    held: Held, database: MemoryDatabase, tollkeeper: Tollkeeper
) -> None:
    await database.consumers.insert(a_consumer(1))
    await database.credentials.insert(a_credential(1, of=1, sealed_key=under(held.sealer.active)))
    outcome = await tollkeeper("keyring", "rotate", "--wait", "--output", "json")
    assert outcome.code == 1
    assert json.loads(outcome.out)["status"] == "incomplete"
    assert outcome.err.splitlines()[-1].startswith("tollkeeper: the rotation is incomplete: 1 row")


def under(key_id: str) -> bytes:
    """Return a value that says which key sealed it, and that this key does not open."""
    return b"\x01" + key_id.encode() + bytes(40)


async def test_keys_come_from_files(held: Held, tollkeeper: Tollkeeper, tmp_path: Path) -> None:
    key = base64.b64encode(bytes(range(32)))
    imported = await tollkeeper(
        "keyring", "import-raw", "AbCd1234", "--key-file", "-", stdin=key + b"\n"
    )
    assert out(imported) == "imported AbCd1234\n"
    exported = tmp_path / "ring"
    exported.write_text(out(await tollkeeper("keyring", "export")))
    await tollkeeper("keyring", "remove", "AbCd1234")
    private = tmp_path / "private.pem"
    private.write_text(PRIVATE)
    files = ("--file", str(exported), "--private-key-file", str(private))
    out(await tollkeeper("keyring", "import", *files))
    assert "AbCd1234" in await ids(tollkeeper)


@pytest.fixture
def machine(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A database and the settings of a machine, with root keys 0 and 1 in files."""
    for byte in (0, 1):
        text = base64.b64encode(bytes([byte]) * 32).decode()
        (tmp_path / f"root-{byte}").write_text(text)
    (tmp_path / "private.pem").write_text(PRIVATE)
    monkeypatch.setenv("TOLLKEEPER_DATABASE__URL", database_url)

    def use(byte: int) -> None:
        monkeypatch.setenv("TOLLKEEPER_KEYRING__ROOT_KEY_FILE", str(tmp_path / f"root-{byte}"))

    use(0)
    return use


async def opens_with(url: str, byte: int) -> bool:
    async with Database.open(url, pool_size=1) as database:
        try:
            await ensure_keyring(database.keyring, RootKey(bytes([byte]) * 32))
        except RootKeyError:
            return False
    return True


async def test_a_new_root_key_takes_over_and_the_old_one_is_refused(
    machine: Any, database_url: str, tollkeeper: Tollkeeper, told: Failed, tmp_path: Path
) -> None:
    assert await opens_with(database_url, 0)
    new = ("--new-root-key-file", str(tmp_path / "root-1"))
    outcome = await tollkeeper("keyring", "rewrap", *new)
    assert out(outcome) == "wrapped 2 keys with the new root key\n"
    assert await opens_with(database_url, 1)
    assert not await opens_with(database_url, 0)
    told(await tollkeeper("keyring", "rewrap", *new), 2)  # the settings name the old one yet


async def test_a_lost_root_key_is_made_up_for_by_the_recovery_key(
    machine: Any, database_url: str, tollkeeper: Tollkeeper, told: Failed, tmp_path: Path
) -> None:
    async with Database.open(database_url, pool_size=1) as database:
        recovery = RecoveryKey.from_pem(PUBLIC)
        await ensure_keyring(database.keyring, RootKey(bytes(32)), recovery=recovery)
    machine(1)
    private = ("--private-key-file", str(tmp_path / "private.pem"))
    assert out(await tollkeeper("keyring", "recover", *private)).startswith("recovered ")
    assert await opens_with(database_url, 1)


async def test_what_has_no_copy_does_not_come_back(
    machine: Any, database_url: str, tollkeeper: Tollkeeper, tmp_path: Path
) -> None:
    assert await opens_with(database_url, 0)
    machine(1)
    private = ("--private-key-file", str(tmp_path / "private.pem"))
    outcome = await tollkeeper("keyring", "recover", *private)
    assert outcome.code == 1
    assert "did not come back" in outcome.err
    assert await opens_with(database_url, 0)
