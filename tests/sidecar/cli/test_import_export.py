"""``tollkeeper import`` and ``export``: what they do, and what they never print."""

import base64
import os
from pathlib import Path

import pytest
import structlog
import yaml

from authsvc.postgres import Database
from authsvc.sealed_key import SealingPrivateKeys, generate_pair
from tests.clients.command_line import Failed, Outcome, Tollkeeper
from tests.fakes.postgres import PostgresServer

PUBLIC, PRIVATE = generate_pair()
FILE = """
_format_version: "3.0"
_info: {select_tags: []}
_workspace: default
consumers:
- username: alice
  groups: [{name: gold}]
  keyauth_credentials:
  - key: canary-1
  acls:
  - group: staff
upstreams:
- name: u
plugins:
- name: rate-limiting
  config: {minute: 5}
"""


@pytest.fixture(autouse=True)
def _settings(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root_key = tmp_path / "root.key"
    root_key.write_bytes(base64.b64encode(bytes(32)))
    root_key.chmod(0o600)
    monkeypatch.setenv("TOLLKEEPER_DATABASE__URL", database_url)
    monkeypatch.setenv("TOLLKEEPER_KEYRING__ROOT_KEY_FILE", str(root_key))


@pytest.fixture(autouse=True)
def _no_logs(tollkeeper: Tollkeeper) -> object:
    yield
    structlog.reset_defaults()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kong.yaml"
    path.write_text(FILE)
    return path


def done(outcome: Outcome) -> list[str]:
    assert outcome.code == 0, outcome
    return outcome.out.splitlines()


async def test_a_file_of_deck_is_imported_and_what_it_has_beyond_is_told(
    tollkeeper: Tollkeeper, file: Path
) -> None:
    outcome = await tollkeeper("import", str(file))
    assert done(outcome) == [
        "consumers: 1 created, 0 updated, 0 deleted, 0 unchanged",
        "acls: 1 created, 0 updated, 0 deleted, 0 unchanged",
        "keyauth_credentials: 1 created, 0 updated, 0 deleted, 0 unchanged",
    ]
    assert sorted(outcome.err.splitlines()) == [
        "warning: _workspace: ignored",
        "warning: groups: ignored",
        "warning: plugins: rate-limiting: left out, Tollkeeper has no such thing",
        "warning: upstreams: left out, Tollkeeper has no such thing",
    ]


async def test_a_dry_run_tells_and_does_nothing(tollkeeper: Tollkeeper, file: Path) -> None:
    first = done(await tollkeeper("import", "--dry-run", str(file)))
    assert first[0] == (
        "consumers: 1 would be created, 0 would be updated, 0 would be deleted, 0 unchanged"
    )
    assert done(await tollkeeper("import", "--dry-run", str(file))) == first


async def test_nothing_is_pruned_without_consent(
    tollkeeper: Tollkeeper, told: Failed, file: Path
) -> None:
    await tollkeeper("import", str(file))
    empty = b'_format_version: "3.0"'
    line = told(await tollkeeper("import", "--prune", "-", stdin=empty), 2)
    assert "would delete 1 consumers, 1 acls, 1 keyauth_credentials" in line
    assert "--yes" in line
    assert "1 unchanged" in done(await tollkeeper("import", str(file)))[0]
    pruned = done(await tollkeeper("import", "--prune", "--yes", "-", stdin=empty))
    assert pruned[0] == "consumers: 0 created, 0 updated, 1 deleted, 0 unchanged"


async def test_standard_input_and_json_will_do(tollkeeper: Tollkeeper) -> None:
    text = b'{"_format_version": "1.1", "consumers": [{"username": "alice"}]}'
    assert len(done(await tollkeeper("import", "-", stdin=text))) == 1


async def test_a_bad_file_is_told_in_full_and_nothing_of_it_is_written(
    tollkeeper: Tollkeeper, file: Path
) -> None:
    bad = FILE.replace("- group: staff", "- grup: staff").replace("key: canary-1", "key: 4711")
    outcome = await tollkeeper("import", "-", stdin=bad.encode())
    assert (outcome.code, outcome.out) == (2, "")
    assert all(line.startswith("tollkeeper: ") for line in outcome.err.splitlines())
    assert "consumers[1].keyauth_credentials[1]: key: expected a string" in outcome.err
    assert "grup: unknown field" in outcome.err
    assert "canary" not in outcome.err
    assert "4711" not in outcome.err
    assert "1 created" in done(await tollkeeper("import", str(file)))[0]


async def test_a_key_of_another_consumer_is_one_line_and_1(
    tollkeeper: Tollkeeper, file: Path
) -> None:
    await tollkeeper("import", str(file))
    other = FILE.replace("alice", "b").encode()
    outcome = await tollkeeper("import", "-", stdin=other)
    assert (outcome.code, outcome.out) == (1, "")
    line = outcome.err.splitlines()[-1]
    assert line.startswith("tollkeeper: keyauth_credentials (of consumer b): ")
    assert "canary" not in line


async def test_an_export_is_its_owners_alone_and_imports_again(
    tollkeeper: Tollkeeper, file: Path, tmp_path: Path
) -> None:
    await tollkeeper("import", str(file))
    exported = tmp_path / "export.yaml"
    previous = os.umask(0)
    try:
        assert done(await tollkeeper("export", str(exported))) == []
    finally:
        os.umask(previous)
    assert exported.stat().st_mode & 0o777 == 0o600
    assert (await tollkeeper("export")).out == exported.read_text()
    again = done(await tollkeeper("import", "--prune", str(exported)))
    assert all(line.endswith("0 created, 0 updated, 0 deleted, 1 unchanged") for line in again)


async def test_keys_are_shown_only_where_the_settings_allow_it(
    tollkeeper: Tollkeeper, told: Failed, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tollkeeper("import", str(file))
    monkeypatch.setenv("TOLLKEEPER_ADMIN__REVEAL_KEYS", "false")
    assert "admin.reveal_keys" in told(await tollkeeper("export"), 2)
    encrypted = await tollkeeper("export", "--encrypted")
    assert "canary" not in encrypted.out
    again = done(await tollkeeper("import", "-", stdin=encrypted.out.encode()))
    assert all("1 unchanged" in line for line in again)


async def test_an_export_that_is_sealed_comes_back_with_the_private_key_alone(
    tollkeeper: Tollkeeper,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    postgres_server: PostgresServer,
) -> None:
    await tollkeeper("import", str(file))
    (tmp_path / "public.pem").write_text(PUBLIC)
    (tmp_path / "private.pem").write_text(PRIVATE)
    sealed = await tollkeeper("export", "--sealed-with", str(tmp_path / "public.pem"))
    [credential] = yaml.safe_load(sealed.out)["keyauth_credentials"]
    assert SealingPrivateKeys.from_pem(PRIVATE).open(credential["key"]).reveal() == b"canary-1"
    with postgres_server.new_database() as url:
        monkeypatch.setenv("TOLLKEEPER_DATABASE__URL", url)
        import_it = ("import", "-")
        outcome = await tollkeeper(*import_it, stdin=sealed.out.encode())
        assert outcome.code == 2
        assert f"({credential['id']}): key: it is sealed, and" in outcome.err
        variable = "TOLLKEEPER_KEYRING__DECLARATIVE_PRIVATE_KEY_FILE"
        monkeypatch.setenv(variable, str(tmp_path / "private.pem"))
        assert len(done(await tollkeeper(*import_it, stdin=sealed.out.encode()))) == 3
        async with Database.open(url, pool_size=1) as database:
            assert await database.consumers.find(username="alice") is not None


async def test_wrong_usage_is_one_line_and_2(
    tollkeeper: Tollkeeper, told: Failed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(await tollkeeper("import", str(tmp_path / "nothing")), 2)
    key = tmp_path / "key"
    key.write_text(PRIVATE)
    told(await tollkeeper("export", "--sealed-with", str(key)), 2)
    key.write_text(PUBLIC)
    told(await tollkeeper("export", "--encrypted", "--sealed-with", str(key)), 2)
    told(await tollkeeper("export", str(tmp_path / "no" / "where.yaml")), 1)
    monkeypatch.setenv("TOLLKEEPER_DATABASE__URL", "postgresql://u:canary@127.0.0.1:1/d")
    assert "canary" not in told(await tollkeeper("export"), 1)
    assert "canary" not in told(await tollkeeper("import", "-", stdin=b'_format_version: "3.0"'), 1)
