"""``tollkeeper tokens`` and ``tollkeeper audit``."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from authsvc.memory import MemoryDatabase
from tests.clients.command_line import Failed, Tollkeeper
from tests.fakes.admin_api import serving

OWNER = "the-token-of-the-file"


@pytest.fixture
def stores() -> MemoryDatabase:
    return MemoryDatabase()


@pytest.fixture(autouse=True)
async def _api(
    stores: MemoryDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tollkeeper: Tollkeeper
) -> AsyncIterator[None]:
    file = tmp_path / "owner"
    file.write_text(OWNER)
    async with serving(stores, token=OWNER, audit_key=bytes(32)) as api:
        monkeypatch.setenv("TOLLKEEPER_ADMIN_URL", f"http://127.0.0.1:{api.port}")
        monkeypatch.setenv("TOLLKEEPER_ADMIN__TOKEN_FILE", str(file))
        yield


async def test_a_token_is_printed_once_works_and_is_deleted(
    tollkeeper: Tollkeeper, told: Failed, tmp_path: Path
) -> None:
    made = await tollkeeper("tokens", "create", "ann", "--role", "operator", "--output", "json")
    token = json.loads(made.out)["token"]
    listed = await tollkeeper("tokens", "list")
    assert listed.out.splitlines()[0].split() == ["ID", "NAME", "ROLE", "TTL", "TAGS", "CREATED_AT"]
    assert "ann" in listed.out
    assert token not in listed.out + (await tollkeeper("tokens", "list", "--output", "json")).out

    file = tmp_path / "ann"
    file.write_text(token)
    own = ("--token-file", str(file))
    assert (await tollkeeper("consumers", "create", "bob", *own)).code == 0
    assert "role admin" in told(await tollkeeper("tokens", "list", *own), 1)
    assert (await tollkeeper("tokens", "delete", "ann")).out == "deleted token ann\n"
    assert "token is required" in told(await tollkeeper("consumers", "list", *own), 1)
    assert "there is no token ann" in told(await tollkeeper("tokens", "delete", "ann"), 1)


async def test_a_token_can_be_made_to_end(tollkeeper: Tollkeeper, told: Failed) -> None:
    made = await tollkeeper("tokens", "create", "ann", "--ttl", "3600", "--output", "json")
    assert 3590 < json.loads(made.out)["ttl"] <= 3600
    [listed] = json.loads((await tollkeeper("tokens", "list", "--output", "json")).out)
    assert 3590 < listed["ttl"] <= 3600
    told(await tollkeeper("tokens", "create", "bob", "--ttl", "-1"), 2)


async def test_a_role_that_does_not_exist_is_wrong_usage(
    tollkeeper: Tollkeeper, told: Failed
) -> None:
    told(await tollkeeper("tokens", "create", "ann", "--role", "root"), 2)


async def test_an_intact_log_is_verified_and_listed(tollkeeper: Tollkeeper) -> None:
    await tollkeeper("consumers", "create", "bob")
    verified = await tollkeeper("audit", "verify", "--output", "json")
    assert verified.code == 0
    head = json.loads(verified.out)["head"]
    assert (await tollkeeper("audit", "verify", "--head", head)).code == 0
    listed = await tollkeeper("audit", "list")
    assert "token_file" in listed.out
    assert "/consumers" in listed.out


async def test_a_log_that_was_meddled_with_ends_in_1(
    tollkeeper: Tollkeeper, stores: MemoryDatabase
) -> None:
    for name in ("a", "b"):
        await tollkeeper("consumers", "create", name)
    first = stores.audit._entries[0]
    stores.audit._entries[0] = replace(first, at=first.at + 1)
    outcome = await tollkeeper("audit", "verify")
    assert outcome.code == 1
    assert "entry 1 is missing, or not as it was written" in outcome.out
