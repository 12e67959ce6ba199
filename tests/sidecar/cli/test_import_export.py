"""``tollkeeper import`` and ``export``: what they do, and what they never print."""

import asyncio
import base64
import io
import os
import sys
from pathlib import Path

import pytest
import structlog
import yaml

from authsvc.postgres import Database
from authsvc.sealed_key import SealingPrivateKeys, generate_pair
from sidecar.cli.program import run_program
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


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 0), ("n", 1, 1)])
async def test_on_a_terminal_one_is_asked(  # noqa: PLR0917 - fixtures, and a row of the table
    tollkeeper: Tollkeeper,
    file: Path,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    code: int,
    left: int,
) -> None:
    await tollkeeper("import", str(file))
    await asyncio.to_thread(file.write_text, '_format_version: "3.0"')
    monkeypatch.setattr(sys, "stdin", Terminal(io.BytesIO(f"{answer}\n".encode())))
    assert await asyncio.to_thread(run_program, ("import", "--prune", str(file))) == code
    asked = capsys.readouterr().err
    assert "Delete 1 consumers, 1 acls, 1 keyauth_credentials" in asked
    async with Database.open(database_url, pool_size=1) as database:
        assert len(await database.consumers.page(size=9)) == left


HOSTILE = {
    "a bomb of aliases": b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
    + b"\n".join(
        b"%c: &%c [%s]" % (n, n, b", ".join([b"*%c" % (n - 1)] * 20)) for n in range(98, 112)
    ),
    "brackets": b"consumers: " + b"[" * 200_000,
    "JSON in JSON": b'{"a":' * 100_000,
    "an object in itself": b"consumers: &a [{username: x, tags: *a}]",
    "no text": b"\xff\xfe\x00",
    "NUL": b'_format_version: "3.0"\nconsumers: [{username: "a\\0b"}]',
    "half a surrogate": b'{"_format_version": "3.0", "consumers": [{"username": "\\ud800"}]}',
    "an object of Python's": b"consumers: !!python/object/apply:os.system [canary]",
    "two documents": b'_format_version: "3.0"\n---\nconsumers: []',
    "ids twice": b'_format_version: "3.0"\nconsumers:\n'
    b"- {username: a, id: 00000001-0000-4000-8000-000000000000}\n"
    b"- {username: b, id: 00000001-0000-4000-8000-000000000000}\n",
    "one key twice": b'_format_version: "3.0"\nconsumers: [{username: a, keyauth_credentials: '
    b"[{key: canary}, {key: canary}]}]",
    "a key that is a list": b'_format_version: "3.0"\nconsumers: [{username: a, '
    b"keyauth_credentials: [{key: [canary]}]}]",
    "a key that is a truth value": b'_format_version: "3.0"\nconsumers: [{username: a, '
    b"keyauth_credentials: [{key: yes}]}]",
    "a number without end": b'_format_version: "3.0"\nconsumers: [{username: a, created_at: '
    + b"9" * 5000
    + b"}]",
    "nothing": b"",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_file_is_told_in_a_line_and_2(
    tollkeeper: Tollkeeper, database_url: str, text: bytes
) -> None:
    outcome = await tollkeeper("import", "-", stdin=text)
    assert (outcome.code, outcome.out) == (2, "")
    [line] = outcome.err.splitlines()
    assert line.startswith("tollkeeper: ")
    assert "canary" not in outcome.err


async def test_standard_input_and_json_will_do(tollkeeper: Tollkeeper) -> None:
    text = b'{"_format_version": "1.1", "consumers": [{"username": "alice"}]}'
    assert len(done(await tollkeeper("import", "-", stdin=text))) == 1


async def test_a_bad_file_is_told_in_full_and_nothing_of_it_is_written(
    tollkeeper: Tollkeeper, file: Path
) -> None:
    bad = FILE.replace("- group: staff", "- grup: staff").replace("key: canary-1", "key: 4711")
    outcome = await tollkeeper("import", "-", stdin=bad.encode())
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
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


async def test_what_a_concealing_export_shows_all_the_same_is_told(tollkeeper: Tollkeeper) -> None:
    moesif = b'_format_version: "3.0"\nplugins: [{name: moesif, config: {application_id: canary}}]'
    await tollkeeper("import", "-", stdin=moesif)
    told = "warning: application_id of the plugin moesif is in clear\n"
    assert (await tollkeeper("export", "--encrypted")).err == told
    assert (await tollkeeper("export")).err == ""


async def test_names_in_warnings_do_not_move_the_cursor(tollkeeper: Tollkeeper) -> None:
    plugin = b'_format_version: "3.0"\nplugins: [{name: "a\\e[2Jb"}]'
    outcome = await tollkeeper("import", "-", stdin=plugin)
    assert outcome.err == (
        "warning: plugins: a\N{REPLACEMENT CHARACTER}[2Jb: left out, Tollkeeper has no such thing\n"
    )


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
